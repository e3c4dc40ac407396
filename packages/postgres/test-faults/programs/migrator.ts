/** Migrates when it is asked to: `migrator.ts <url>`. */
import { migrate } from '@cache/postgres';
import { openPool } from '../cache-pools.ts';
import { answerQuestions } from './answer-questions.ts';

const [url = ''] = process.argv.slice(2);
const sql = openPool(url, { max: 1 });
await answerQuestions({ migrate: () => migrate(sql) });
await sql.end({ timeout: 0 });
