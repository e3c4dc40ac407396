import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { hasErrorCode } from '@cache/core';
import type { WriteBehindCache } from '@cache/stack';
import type { Note } from './note-store.ts';

/** `PUT`, `GET` and `DELETE /notes/<name>`; `GET /queue` says how many writes the database does not have yet. */
export function notesServer(notes: WriteBehindCache<Note>): Server {
  return createServer((request, response) => {
    answer(notes, request, response).catch((error: unknown) => {
      // A full queue or disk: the client may come back. The note was not taken.
      const isBusy = hasErrorCode(error, 'ERR_CACHE_TIMEOUT') || hasErrorCode(error, 'ERR_CACHE_UNAVAILABLE');
      const isBad = hasErrorCode(error, 'ERR_CACHE_KEY');
      end(response, isBusy ? 503 : isBad ? 400 : 500);
    });
  });
}

async function answer(
  notes: WriteBehindCache<Note>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = decodeURIComponent(request.url ?? '/');
  if (path === '/queue') return end(response, 200, notes.statistics);
  if (!path.startsWith('/notes/')) return end(response, 404);
  const key = path.slice('/notes/'.length);
  switch (request.method) {
    case 'PUT':
      await notes.set(key, { text: await text(request) });
      // Accepted: it is in the journal, and the database has it soon.
      return end(response, 202);
    case 'DELETE':
      await notes.removeItem(key);
      return end(response, 202);
    case 'GET': {
      const note = await notes.get(key);
      return note === undefined ? end(response, 404) : end(response, 200, note);
    }
    default:
      return end(response, 405);
  }
}

function end(response: ServerResponse, status: number, body?: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
