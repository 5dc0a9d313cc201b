import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAlpha } from "../src/format/alpha_plane.js";
import { crc32 } from "../src/format/crc32.js";
import { uprightBlock } from "../src/format/exif_block.js";
import { toPixels } from "../src/picture/blocks.js";
import { normals, quantile } from "../src/picture/normals.js";
import { shrink, toByte } from "../src/picture/pixels.js";
import { writePng } from "../src/picture/png.js";
import { frequencies } from "../src/prior/adaptation.js";
import { randomIntegers, startKernel } from "./kernel.mjs";

test("the checksum is that of zlib", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.equal(crc32(new Uint8Array(0)), 0);
});

test("halves are rounded to even, and bytes are clipped", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -3, 254.51, 300].map(toByte), [0, 2, 2, 0, 255, 255]);
});

test("quantiles are those of the normal distribution", () => {
  const known = [[0.5, 0], [0.975, 1.959963984540054], [1e-10, -6.361340902404056], [0.999, 3.090232306167813]];
  for (const [p, x] of known) {
    assert.ok(Math.abs(quantile(p) - x) < 1e-9, `${p}`);
  }
  assert.ok(Math.abs(quantile(1e-300) + 37.0471) < 1e-4);
});

test("normal numbers belong to their place", async () => {
  const kernel = await startKernel();
  const latent = { seed: 2n ** 63n + 5n, number: 3, channels: 3 };
  const whole = normals(kernel, latent, { top: 0, left: 0, rows: 5, columns: 7, wholeColumns: 7 }, 1);
  const part = normals(kernel, latent, { top: 2, left: 3, rows: 3, columns: 2, wholeColumns: 7 }, 1);
  for (let channel = 0; channel < 3; channel++) {
    for (let r = 0; r < 3; r++) {
      for (let c = 0; c < 2; c++) {
        assert.equal(part[(channel * 3 + r) * 2 + c], whole[(channel * 5 + r + 2) * 7 + c + 3]);
      }
    }
  }
  // 0.9076648507011186 is numpy's first number of that stream
  assert.ok(Math.abs(whole[0] - 1.3265) < 1e-3);
});

/** Coefficients of a tile by the text of the format: the DCT of every block, then the corners. */
function coefficientsOf(pixels, quadrants) {
  const shapes = [[32, 32], [16, 32], [32, 16], [16, 16], [8, 8], [8, 16], [16, 8]];
  const dct = (n, k, x) => Math.sqrt((k ? 2 : 1) / n) * Math.cos((Math.PI * (2 * x + 1) * k) / (2 * n));
  const region = (side, top, left, shape) => {
    const [rows, columns] = shapes[shape];
    const [m, n] = [side / rows, side / columns];
    const out = Array.from({ length: side }, () => new Float64Array(side));
    for (let U = 0; U < side; U++) {
      for (let V = 0; V < side; V++) {
        const [u, a, v, b] = [Math.floor(U / m), U % m, Math.floor(V / n), V % n];
        for (let y = 0; y < rows; y++) {
          for (let x = 0; x < columns; x++) {
            const pixel = pixels[(top + a * rows + y) * 32 + left + b * columns + x];
            out[U][V] += dct(rows, u, y) * dct(columns, v, x) * pixel;
          }
        }
      }
    }
    return corner(out, m === 2, n === 2);
  };
  if (quadrants[0] < 3) return region(32, 0, 0, quadrants[0]);
  const out = Array.from({ length: 32 }, () => new Float64Array(32));
  quadrants.forEach((shape, number) => {
    const [a, b] = [number >> 1, number & 1];
    const inner = region(16, 16 * a, 16 * b, shape);
    for (let U = 0; U < 16; U++) for (let V = 0; V < 16; V++) out[2 * U + a][2 * V + b] = inner[U][V];
  });
  return corner(out, true, true);
}

function corner(out, down, across) {
  const pair = (x, y) => [(x + y) / Math.SQRT2, (x - y) / Math.SQRT2];
  if (down) for (const j of [0, 1]) [out[0][j], out[1][j]] = pair(out[0][j], out[1][j]);
  if (across) for (const i of [0, 1]) [out[i][0], out[i][1]] = pair(out[i][0], out[i][1]);
  return out;
}

test("blocks of every shape come back", () => {
  const random = randomIntegers(3);
  const pixels = Float64Array.from({ length: 1024 }, () => random(-128, 127));
  for (const quadrants of [[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 4, 5, 6], [6, 5, 4, 3], [4, 4, 3, 3]]) {
    const tile = Float64Array.from(coefficientsOf(pixels, quadrants).flatMap((row) => Array.from(row)));
    const mean = tile[0] / 32;
    toPixels(tile, 32, quadrants);
    tile.forEach((value, i) => assert.ok(Math.abs(value - pixels[i]) < 1e-9));
    const one = Float64Array.of(mean * 32);
    toPixels(one, 1, quadrants);
    assert.ok(Math.abs(one[0] - pixels.reduce((sum, pixel) => sum + pixel, 0) / 1024) < 1e-9);
  }
});

test("a plane is shrunk to the means of what it covers", () => {
  const plane = Uint8Array.of(0, 10, 20, 31, 40, 50);
  assert.deepEqual(Array.from(shrink(plane, { height: 1, width: 6 }, { height: 1, width: 3 })), [5, 26, 45]);
  assert.deepEqual(Array.from(shrink(plane, { height: 2, width: 3 }, { height: 1, width: 1 })), [25]);
});

test("a grey PNG that is written is an alpha plane that is read", async () => {
  const random = randomIntegers(9);
  const pixels = Uint8ClampedArray.from({ length: 35 }, () => random(0, 255));
  const blob = await writePng({ pixels, height: 5, width: 7, channels: 1 }, null, null);
  const bytes = new Uint8Array(await blob.arrayBuffer());
  assert.deepEqual(Array.from(await decodeAlpha(bytes, { height: 5, width: 7 })), Array.from(pixels));
  await assert.rejects(decodeAlpha(bytes, { height: 7, width: 5 }), /alpha is 5 x 7 pixels, expected 7 x 5/);
  const cut = decodeAlpha(bytes.slice(0, -1), { height: 5, width: 7 });
  await assert.rejects(cut, /cannot read the alpha stream: the PNG ends at/);
});

test("orientations become 1, and nothing else changes", () => {
  const letters = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0";
  const block = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const upright = uprightBlock(block);
  assert.deepEqual(Array.from(upright).flatMap((byte, i) => (byte === block[i] ? [] : [[i, byte]])), [[19, 1]]);
  assert.deepEqual(uprightBlock(block.slice(0, 15)), block.slice(0, 15));
  assert.equal(uprightBlock(Uint8Array.of(1, 2, 3)), null);
});

test("the tables of adaptations sum to their total", () => {
  for (const k of [1, 2, 30]) {
    assert.equal(frequencies(k).reduce((sum, f) => sum + f, 0), 2 ** 22);
    assert.ok(Math.min(...frequencies(k)) >= 1);
  }
});
