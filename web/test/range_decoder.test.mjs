import assert from "node:assert/strict";
import { test } from "node:test";
import { RangeDecoder } from "../src/entropy/range_decoder.js";
import { startsOf, storeTable, storeUniform } from "../src/entropy/tables.js";
import { RADII, codingsOf } from "../src/entropy/codings.js";
import { ReferenceDecoder, ReferenceEncoder } from "./reference_coder.mjs";
import { randomIntegers, startKernel } from "./kernel.mjs";

const TOTAL = 2 ** 22;

/** A table of n entries, most of them rare. */
function randomTable(random, n) {
  const frequencies = Array.from({ length: n }, () => 1 + (random(0, 9) ? 0 : random(0, 1000)));
  frequencies[random(0, n - 1)] += TOTAL - frequencies.reduce((sum, f) => sum + f, 0);
  return frequencies;
}

test("entries start where the format says", () => {
  assert.deepEqual(Array.from(startsOf([1, TOTAL - 3, 2])), [0, 4, 2 ** 24 - 8 + 1, 2 ** 24].map((_, i, all) => {
    const before = [0, 1, TOTAL - 2][i];
    return i === 3 ? all[3] : Math.floor((before * (2 ** 24 - 3)) / TOTAL) + i;
  }));
});

test("what the reference encodes comes back, and the stream ends there", async () => {
  const kernel = await startKernel();
  for (let seed = 1; seed <= 30; seed++) {
    const random = randomIntegers(seed);
    const tables = Array.from({ length: 4 }, () => randomTable(random, random(2, 4098)));
    const stored = tables.map((frequencies) => storeTable(kernel, frequencies));
    const starts = tables.map(startsOf);
    const encoder = new ReferenceEncoder();
    const runs = Array.from({ length: random(0, 30) }, () => {
      const table = random(0, 3);
      return { table, entries: Array.from({ length: random(0, 40) }, () => random(0, tables[table].length - 1)) };
    });
    for (const { table, entries } of runs) for (const entry of entries) encoder.encode(entry, starts[table]);
    const decoder = new RangeDecoder(kernel, encoder.bytes());
    for (const { table, entries } of runs) {
      assert.deepEqual(Array.from(decoder.read(stored[table], entries.length)), entries);
    }
    decoder.checkExhausted();
  }
});

test("any bytes end as with the reference", async () => {
  const kernel = await startKernel();
  const table = storeUniform(kernel, 4);
  const starts = Array.from({ length: 17 }, (_, i) => i << 20);
  const outcomes = new Set();
  for (let seed = 1; seed <= 400; seed++) {
    const random = randomIntegers(seed);
    const data = Uint8Array.from({ length: random(0, 12) }, () => random(1, 4) * 63 + 3);
    const count = random(0, 24);
    const outcome = (work) => {
      try {
        return work();
      } catch (error) {
        return error.message.includes("no encoder writes") ? "refused" : error.message;
      }
    };
    const ours = outcome(() => {
      const decoder = new RangeDecoder(kernel, data);
      const entries = Array.from(decoder.read(table, count));
      try {
        decoder.checkExhausted();
      } catch {
        return [entries, false];
      }
      return [entries, true];
    });
    const theirs = outcome(() => {
      const decoder = new ReferenceDecoder(data);
      const entries = Array.from({ length: count }, () => decoder.decode(starts));
      return [entries, decoder.exhausted()];
    });
    assert.deepEqual(ours, theirs === "refused" ? "refused" : theirs);
    outcomes.add(Array.isArray(ours) ? String(ours[1]) : ours);
  }
  assert.deepEqual(outcomes, new Set(["true", "false"]));
});

test("data beyond the range is refused, as a zero byte at the end is", async () => {
  const kernel = await startKernel();
  const decoder = new RangeDecoder(kernel, new Uint8Array(8).fill(255));
  assert.throws(() => decoder.read(storeUniform(kernel, 16), 1), /^CorruptFile: a stream holds data/);
  assert.throws(() => new RangeDecoder(kernel, Uint8Array.of(1, 0)), /ends in a zero byte/);
});

test("heads become tables, means and signs", () => {
  const coded = (mean, scale, prediction) => {
    const { tables, means } = codingsOf(Int32Array.of(mean, scale), Int32Array.of(prediction), 1);
    return [tables[0] & 127, means[0], tables[0] >> 7];
  };
  assert.deepEqual(coded(0, -1000, 0), [0, 0, 0]);
  assert.deepEqual(coded(0, 0, 0), [33, 0, 0]); // a head of 0 is scale index 11
  assert.deepEqual(coded(0, -1000, 7), [1, 2, 1]); // 7/4 is 2 less a quarter
  assert.deepEqual(coded(0, -1000, -2), [2, 0, 1]); // halves round up
  assert.deepEqual(coded(0, 1000, 5), [72, 1, 0]);
  assert.deepEqual(coded(1e6, 1000, 0), [72, Math.round((4095 * 147123) / 4096 / 4), 0]);
  assert.deepEqual(coded(32, 62, 0), [3 * 16 + 1, 2, 1]); // scale 2^(-4.5 + 16/3): 7.1 quarters
  assert.equal(RADII[72], 2048);
});
