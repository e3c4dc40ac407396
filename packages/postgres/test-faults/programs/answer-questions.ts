import { createInterface } from 'node:readline';

/** Answers each line of standard input with a line of JSON; returns when the input ends. */
export async function answerQuestions(answers: Readonly<Record<string, () => unknown>>): Promise<void> {
  for await (const question of createInterface({ input: process.stdin })) {
    const answer = answers[question];
    if (answer === undefined) throw new Error(`Nobody here answers "${question}".`);
    console.log(JSON.stringify((await answer()) ?? null));
  }
}
