/**
 * After `local head = redis.pcall(…)`: goes on with a table if what is stored is no string, and hands every other error,
 * such as a missing permission, to the caller. Taken for "no string" too, it would let a live value be overwritten.
 */
export const ONLY_WRONG_TYPE = `if type(head) == 'table' and string.sub(head.err, 1, 9) ~= 'WRONGTYPE' then return head end`;
