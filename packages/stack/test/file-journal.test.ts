import { cp, mkdir, mkdtemp, open as openFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { type BinarySerializer, hasErrorCode } from '@cache/core';
import { FileJournal, type FileJournalOptions, type QueuedWrite } from '@cache/stack';
import { runCount, settle } from '@cache/test-servers';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'journal-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function open(options: Partial<FileJournalOptions> = {}): Promise<FileJournal<unknown>> {
  return FileJournal.open({ directory: folder, durability: 'buffered', lockTimeoutMs: 0, ...options });
}

async function kept(options: Partial<FileJournalOptions> = {}): Promise<readonly QueuedWrite<unknown>[]> {
  await using journal = await open(options);
  return journal.replay();
}

function write(journal: FileJournal<unknown>, key: string, value: unknown): Promise<number> {
  return journal.append(key, { kind: 'write', value });
}

function summary(writes: readonly QueuedWrite<unknown>[]): [string, unknown][] {
  return writes.map(({ key, operation }) => [key, operation.kind === 'write' ? operation.value : null]);
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  const end = await settle(work, 10_000);
  return end.state === 'rejected' ? (end.reason as { code?: unknown }).code : 'fulfilled';
}

describe('A journal in a file', () => {
  it.each(['fsync', 'buffered'] as const)(
    'gives back what was appended and not acknowledged: %s',
    async (durability) => {
      {
        await using journal = await open({ durability });
        const writes = [write(journal, 'a', { n: 1 }), write(journal, 'b', 'two'), write(journal, 'c', 3)];
        const [, , id = 0] = await Promise.all(writes);
        await journal.append('b', { kind: 'remove' });
        journal.acknowledge([{ key: 'c', id }]);
      }
      expect(summary(await kept())).toEqual([
        ['a', { n: 1 }],
        ['b', null],
      ]);
    },
  );

  it('keeps the newest of a key when only an older one is acknowledged', async () => {
    {
      await using journal = await open();
      const id = await write(journal, 'a', 1);
      await write(journal, 'a', 2);
      journal.acknowledge([{ key: 'a', id }]);
    }
    expect(summary(await kept())).toEqual([['a', 2]]);
  });

  it('keeps the newest of a key through compactions when only an older one is acknowledged', async () => {
    {
      await using journal = await open({ compactAtBytes: 0 });
      const id = await write(journal, 'a', 1);
      await write(journal, 'a', 2);
      journal.acknowledge([{ key: 'a', id }]);
      for (let n = 0; n < 10; n += 1) await write(journal, 'b', n);
    }
    expect(summary(await kept())).toEqual([
      ['a', 2],
      ['b', 9],
    ]);
  });

  it.each([
    ['nothing was left', {}],
    ['the file was compacted', { compactAtBytes: 0 }],
  ])(
    'numbers writes from where the last process stopped, even if %s and the clock was set back',
    async (_, options) => {
      let last = 0;
      {
        await using journal = await open(options);
        last = await write(journal, 'a', 1);
        journal.acknowledge([{ key: 'a', id: last }]);
      }
      await kept();
      using clock = jest.spyOn(Date, 'now');
      clock.mockReturnValue(0);
      await using journal = await open();
      expect(journal.replay()).toEqual([]);
      expect(await write(journal, 'a', 2)).toBe(last + 1);
      expect(await write(journal, 'b', 3)).toBe(last + 2);
    },
  );

  it('fulfils appends in the order of the calls, whatever a serializer takes', async () => {
    const waits = [5, 0, 3, 0];
    const slow: BinarySerializer = {
      format: 'binary',
      serialize: async (value) => {
        await new Promise((done) => setTimeout(done, waits[Number(value)] ?? 0));
        return Buffer.from(String(value));
      },
      deserialize: (payload) => Number(Buffer.from(payload).toString()),
    };
    const order: number[] = [];
    {
      await using journal = await open({ serializer: slow });
      await Promise.all([0, 1, 2, 3].map((n) => write(journal, 'key', n).then(() => order.push(n))));
    }
    expect(order).toEqual([0, 1, 2, 3]);
    expect(summary(await kept({ serializer: slow }))).toEqual([['key', 3]]);
  });

  it('takes any key and any JSON value', async () => {
    const entries = fc.array(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), fc.jsonValue()), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(entries, async (all) => {
        const usable = all.filter(([key, value]) => key.isWellFormed() && !key.includes('\0') && value !== null);
        const directory = await mkdtemp(join(folder, 'any-'));
        {
          await using journal = await open({ directory });
          await Promise.all(usable.map(([key, value]) => write(journal, key, value)));
        }
        const found = new Map(summary(await kept({ directory })));
        expect(found).toEqual(new Map(usable));
      }),
      { numRuns: 30 },
    );
  });

  it('shrinks when most of it is done, and loses nothing by that', async () => {
    const compactAtBytes = 4_096;
    let longest = 0;
    {
      await using journal = await open({ compactAtBytes });
      await write(journal, 'stays', 'here');
      for (let n = 0; n < 2_000; n += 1) {
        const id = await write(journal, `key ${n % 7}`, 'x'.repeat(50));
        journal.acknowledge([{ key: `key ${n % 7}`, id }]);
        longest = Math.max(longest, journal.bytes);
      }
    }
    expect(longest).toBeLessThan(3 * compactAtBytes);
    expect(summary(await kept())).toEqual([['stays', 'here']]);
  });

  it('belongs to one queue: replayed twice, it would undo what was done in between', async () => {
    await using journal = await open();
    expect(journal.replay()).toEqual([]);
    expect(() => journal.replay()).toThrow(expect.objectContaining({ code: 'ERR_CACHE_OPTION' }));
  });

  it('refuses a value that its serializer cannot hold, and goes on', async () => {
    await using journal = await open();
    expect(await codeOf(write(journal, 'a', 10n))).toBe('ERR_CACHE_VALUE');
    expect(await codeOf(write(journal, 'a', { ok: true }))).toBe('fulfilled');
    expect(await codeOf(journal.append('', { kind: 'remove' }))).toBe('ERR_CACHE_KEY');
  });

  it('refuses appends once it is closed, and closes twice', async () => {
    const journal = await open();
    const last = write(journal, 'a', 1);
    await last;
    await Promise.all([journal.close(), journal.close()]);
    expect(await codeOf(write(journal, 'a', 2))).toBe('ERR_CACHE_CLOSED');
    expect(summary(await kept())).toEqual([['a', 1]]);
  });

  it('that was closed touches the file no more, which may be another process’s by then', async () => {
    const first = await open({ compactAtBytes: 0 });
    const id = await write(first, 'a', 1);
    await first.close();
    {
      await using second = await open();
      await write(second, 'b', 2);
      const acknowledged = settle(
        Promise.resolve().then(() => first.acknowledge([{ key: 'a', id }])),
        10_000,
      );
      expect(await acknowledged).toMatchObject({ reason: { code: 'ERR_CACHE_CLOSED' } });
      await write(second, 'c', 3);
    }
    expect((await kept()).map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });

  it('says so when it is opened with a serializer of another kind', async () => {
    {
      await using journal = await open();
      await write(journal, 'a', 1);
    }
    const binary: BinarySerializer = { format: 'binary', serialize: () => Buffer.alloc(1), deserialize: () => 1 };
    expect(await codeOf(open({ serializer: binary }))).toBe('ERR_CACHE_OPTION');
    expect(summary(await kept())).toEqual([['a', 1]]);
  });
});

/** Three appends, each a frame of its own, as a process leaves them that is killed: the file, and what was promised after each. */
async function threeFrames(): Promise<{ readonly bytes: Buffer; readonly frameEnds: readonly number[] }> {
  await using journal = await open();
  const frameEnds = [journal.bytes];
  for (const key of ['a', 'b', 'c']) {
    await write(journal, key, 1);
    frameEnds.push(journal.bytes);
  }
  return { bytes: await readFile(join(folder, 'journal')), frameEnds };
}

async function reopened(bytes: Buffer, options: Partial<FileJournalOptions> = {}): Promise<string[] | unknown> {
  const directory = await mkdtemp(join(folder, 'copy-'));
  await writeFile(join(directory, 'journal'), bytes);
  try {
    return (await kept({ directory, ...options })).map(({ key }) => key);
  } catch (error) {
    return (error as { code?: unknown }).code;
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('row 58: a journal that is not whole', () => {
  const KEYS = ['a', 'b', 'c'];

  it('cut off at any byte gives the appends whose frames are whole, and takes more', async () => {
    const { bytes, frameEnds } = await threeFrames();
    for (let length = 0; length <= bytes.length; length += 1) {
      const whole = frameEnds.slice(1).filter((end) => end <= length).length;
      expect({ length, found: await reopened(bytes.subarray(0, length)) }).toEqual({
        length,
        found: KEYS.slice(0, whole),
      });
    }
  });

  it('with any bit flipped is refused, or loses the last append and nothing else', async () => {
    const { bytes, frameEnds } = await threeFrames();
    const lastFrameAt = frameEnds[2] ?? 0;
    // The sample has a bit or two of every byte.
    for (let bit = 0; bit < bytes.length * 8; bit += runCount({ sample: 7, whole: 1 })) {
      const flipped = Buffer.from(bytes);
      const at = bit >> 3;
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (bit & 7)), at);
      expect({ bit, found: await reopened(flipped) }).toEqual({
        bit,
        found: at < lastFrameAt ? 'ERR_CACHE_CORRUPTION' : KEYS.slice(0, 2),
      });
    }
  }, 600_000);

  it('damaged in its middle can be opened for what is sound', async () => {
    const { bytes, frameEnds } = await threeFrames();
    bytes.writeUInt8(bytes.readUInt8((frameEnds[1] ?? 0) + 20) ^ 1, (frameEnds[1] ?? 0) + 20);
    expect(await reopened(bytes)).toBe('ERR_CACHE_CORRUPTION');
    expect(await reopened(bytes, { onDamage: 'salvage' })).toEqual(['a', 'c']);
  });

  it('of another origin is refused, and stays as it was', async () => {
    await writeFile(join(folder, 'journal'), 'somebody’s diary');
    expect(await codeOf(open())).toBe('ERR_CACHE_CORRUPTION');
    expect(await readFile(join(folder, 'journal'), 'utf8')).toBe('somebody’s diary');
    expect(await kept({ onDamage: 'salvage' })).toEqual([]);
    const [aside = ''] = (await readdir(folder)).filter((name) => name.startsWith('journal.damaged-'));
    expect(await readFile(join(folder, aside), 'utf8')).toBe('somebody’s diary');
  });

  it('does not take a value for a frame, not even one that was made of a journal', async () => {
    const { bytes } = await threeFrames();
    const text = bytes.toString('latin1');
    {
      await using journal = await open();
      await write(journal, 'forged', text);
    }
    const found = await readFile(join(folder, 'journal'));
    expect(await reopened(found.subarray(0, found.length - 1))).toEqual(KEYS);
  });

  it('whose compaction was interrupted is what it was before', async () => {
    await threeFrames();
    await writeFile(join(folder, 'journal.draft'), 'half of a');
    expect((await kept()).map(({ key }) => key)).toEqual(KEYS);
    expect(await readdir(folder)).toEqual(['journal']);
  });
});

describe('row 58: a disk that fails', () => {
  /** What every open file has its methods from. */
  async function fileMethods(): Promise<{ datasync(): Promise<void>; truncate(length: number): Promise<void> }> {
    await using file = await openFile(join(folder, 'probe'), 'w');
    return Object.getPrototypeOf(file);
  }

  function failure(): Error {
    return Object.assign(new Error('i/o error'), { code: 'EIO' });
  }

  it('to sync: the write rejects, nothing of it stays, and the next one is kept', async () => {
    using sync = jest.spyOn(await fileMethods(), 'datasync');
    await using journal = await open({ durability: 'fsync' });
    await write(journal, 'a', 1);
    sync.mockRejectedValueOnce(failure());
    expect(await codeOf(write(journal, 'b', 2))).toBe('ERR_CACHE_UNAVAILABLE');
    expect(await reopened(await readFile(join(folder, 'journal')))).toEqual(['a']);
    await write(journal, 'c', 3);
    expect(await reopened(await readFile(join(folder, 'journal')))).toEqual(['a', 'c']);
  });

  it('to sync and to cut off what was written: that is done before the next write', async () => {
    const methods = await fileMethods();
    using sync = jest.spyOn(methods, 'datasync');
    using cut = jest.spyOn(methods, 'truncate');
    await using journal = await open({ durability: 'fsync' });
    sync.mockRejectedValueOnce(failure());
    cut.mockRejectedValueOnce(failure());
    expect(await codeOf(write(journal, 'a', 'long'.repeat(100)))).toBe('ERR_CACHE_UNAVAILABLE');
    await write(journal, 'b', 2);
    const bytes = await readFile(join(folder, 'journal'));
    expect(bytes).toHaveLength(journal.bytes);
    expect(await reopened(bytes)).toEqual(['b']);
  });
});

describe('One process at a time', () => {
  it('has a journal open: the other is told', async () => {
    await using journal = await open();
    const second = await settle(open(), 10_000);
    expect(second.state === 'rejected' && hasErrorCode(second.reason, 'ERR_CACHE_UNAVAILABLE')).toBe(true);
    expect(await codeOf(write(journal, 'a', 1))).toBe('fulfilled');
  });

  it('and the next one when it is closed, who waits for that if told to', async () => {
    const first = await open();
    const second = open({ lockTimeoutMs: 30_000 });
    await write(first, 'a', 1);
    await first.close();
    await using journal = await second;
    expect(summary(journal.replay())).toEqual([['a', 1]]);
    await journal.close();
    expect(await readdir(folder)).toEqual(['journal']);
  });

  it('never two, however many come at once', async () => {
    for (let round = 0; round < 20; round += 1) {
      let open_ = 0;
      let most = 0;
      const attempts = [1, 2, 3, 4].map(async () => {
        const journal = await open({ lockTimeoutMs: 60_000 });
        open_ += 1;
        most = Math.max(most, open_);
        await new Promise(setImmediate);
        open_ -= 1;
        await journal.close();
      });
      await Promise.all(attempts);
      expect(most).toBe(1);
    }
  });
});

describe('A directory that cannot be used', () => {
  it('is a named error, without the path', async () => {
    const file = join(folder, 'a-file-CanaryInThePath');
    await writeFile(file, '');
    for (const directory of [file, join(file, 'below'), `${folder}/${'long'.repeat(60)}`, '', 'nul\0']) {
      const end = await settle(open({ directory }), 10_000);
      expect(end.state === 'rejected' && (end.reason as { code?: unknown }).code).toBe('ERR_CACHE_OPTION');
      expect(inspect(end, { showHidden: true, depth: 10 })).not.toContain('CanaryInThePath');
    }
  });

  it('is refused when there is a directory where the file should be', async () => {
    await mkdir(join(folder, 'journal'));
    expect(await codeOf(open())).toBe('ERR_CACHE_OPTION');
    await rm(join(folder, 'journal'), { recursive: true });
    expect(await codeOf(open().then((journal) => journal.close()))).toBe('fulfilled');
  });

  it('is made if there is none', async () => {
    await using journal = await open({ directory: join(folder, 'new', 'one') });
    expect(await codeOf(write(journal, 'a', 1))).toBe('fulfilled');
  });

  it.each([
    { durability: 'maybe' },
    { onDamage: 'ignore' },
    { compactAtBytes: Number.NaN },
    { lockTimeoutMs: -1 },
    { directory: 5 },
  ])('or an option that is none is refused: %j', async (options) => {
    expect(await codeOf(open(options as Partial<FileJournalOptions>))).toBe('ERR_CACHE_OPTION');
  });
});

it('A copy of a journal that is in use is a journal', async () => {
  await using journal = await open();
  await Promise.all([write(journal, 'a', 1), write(journal, 'b', 2)]);
  const copy = await mkdtemp(join(tmpdir(), 'journal-copy-'));
  await cp(join(folder, 'journal'), join(copy, 'journal'));
  expect(summary(await kept({ directory: copy }))).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  await rm(copy, { recursive: true });
});
