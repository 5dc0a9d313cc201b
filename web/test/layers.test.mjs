import assert from "node:assert/strict";
import { test } from "node:test";
import { Layer } from "../src/prior/layers.js";
import { randomIntegers, startKernel } from "./kernel.mjs";

/** A random layer: its arrays, and what it gives by the formula of the format. */
function randomLayer(random, outputs, inputs, side) {
  const values = (n, low, high, Kind) => Kind.from({ length: n }, () => random(low, high));
  const weight = values(outputs * inputs * side * side, -127, 127, Int8Array);
  const bias = values(outputs, -5000, 5000, Int32Array);
  const shift = values(outputs, 0, 14, Uint8Array);
  const expected = (x, rows, columns) => {
    const out = [];
    const margin = side >> 1;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        for (let o = 0; o < outputs; o++) {
          let sum = bias[o] + (shift[o] ? 2 ** (shift[o] - 1) : 0);
          for (let i = 0; i < inputs; i++) {
            for (let a = 0; a < side; a++) {
              for (let b = 0; b < side; b++) {
                const [y, z] = [r + a - margin, c + b - margin];
                if (y < 0 || z < 0 || y >= rows || z >= columns) continue;
                sum += weight[((o * inputs + i) * side + a) * side + b] * x[(y * columns + z) * inputs + i];
              }
            }
          }
          out.push(Math.floor(sum / 2 ** shift[o]));
        }
      }
    }
    return out;
  };
  const shapes = [[outputs, inputs, side, side], [outputs], [outputs]];
  return { tensors: [weight, bias, shift].map((data, i) => ({ data, shape: shapes[i] })), expected };
}

test("convolutions are those of the format", async () => {
  const kernel = await startKernel();
  const cases = [
    [1, 1, 1, 1, 1], [3, 5, 1, 2, 7], [8, 16, 3, 5, 4], [9, 3, 3, 1, 1], [17, 2, 3, 7, 1], [2, 141, 1, 1, 13],
    [16, 8, 3, 3, 9],
  ];
  cases.forEach(([outputs, inputs, side, rows, columns], seed) => {
    const random = randomIntegers(seed + 1);
    const { tensors, expected } = randomLayer(random, outputs, inputs, side);
    const x = Int16Array.from({ length: rows * columns * inputs }, () => random(-255, 255));
    const layer = new Layer(kernel, ...tensors);
    const out = layer.apply([{ data: x, channels: inputs }], rows, columns);
    assert.deepEqual(Array.from(out), expected(x, rows, columns));
  });
});

test("strips and parts change nothing", async () => {
  const kernel = await startKernel();
  const random = randomIntegers(5);
  const { tensors, expected } = randomLayer(random, 4, 3, 3);
  const [rows, columns] = [11, 1500]; // five strips
  const x = Int16Array.from({ length: rows * columns * 3 }, () => random(0, 255));
  const part = (channels) => {
    const n = channels.length;
    const data = Int16Array.from({ length: rows * columns * n }, (_, i) => x[3 * Math.floor(i / n) + channels[i % n]]);
    return { data, channels: n };
  };
  const layer = new Layer(kernel, ...tensors);
  assert.deepEqual(Array.from(layer.apply([part([0]), part([1, 2])], rows, columns)), expected(x, rows, columns));
});
