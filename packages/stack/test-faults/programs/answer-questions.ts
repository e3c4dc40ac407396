import { createInterface } from 'node:readline';

/** Answers each line of standard input, a name and its arguments, with a line of JSON; returns when the input ends. */
export async function answerQuestions(
  answers: Readonly<Record<string, (...args: string[]) => unknown>>,
): Promise<void> {
  for await (const question of createInterface({ input: process.stdin })) {
    const [name = '', ...args] = question.split(' ');
    const answer = answers[name];
    if (answer === undefined) throw new Error(`Nobody here answers "${question}".`);
    console.log(JSON.stringify((await answer(...args)) ?? null));
  }
}
