// Times one layer of the prior, 192 channels to 192 over 3 x 3 tiles on the 24 x 16 tiles of a Kodak photo, in the
// ways in which a browser can compute it exactly: `node web/measure.mjs`. All three are on one thread.

import { performance } from "node:perf_hooks";
import * as ort from "onnxruntime-web/wasm";
import { assembleKernel } from "./assemble.mjs";
import { Kernel } from "./src/kernel.js";
import { Layer } from "./src/prior/layers.js";

const [ROWS, COLUMNS, CHANNELS, TIMES] = [16, 24, 192, 5];
const TILES = ROWS * COLUMNS;
const PRODUCTS = TILES * 9 * CHANNELS * CHANNELS;

/** Whole numbers, the same in every run. */
function integers(n, low, high) {
  let state = 1;
  return Int16Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((state / 2 ** 32) * (high - low + 1));
  });
}

/** The fastest of some runs, in seconds; `work` gives a sum that all ways share. */
async function time(name, work) {
  const seconds = [];
  let sum = 0;
  for (let i = 0; i <= TIMES; i++) {
    const start = performance.now();
    sum = await work();
    if (i) seconds.push((performance.now() - start) / 1000); // the first run warms up
  }
  const best = Math.min(...seconds);
  const rate = PRODUCTS / best / 1e9;
  console.log(`${name.padEnd(34)} ${best.toFixed(3)} s  ${rate.toFixed(2)} G products/s  sum ${sum}`);
}

const weights = integers(CHANNELS * CHANNELS * 9, -40, 40); // (outputs, inputs, 3, 3); sums stay below 2^24
const x = integers(TILES * CHANNELS, 0, 255);
const total = (values) => values.reduce((sum, value) => sum + value, 0);

/** The 3 x 3 surroundings of every tile, tiles by inputs and places. */
function unfolded(Kind) {
  const out = new Kind(TILES * 9 * CHANNELS);
  for (let tile = 0; tile < TILES; tile++) {
    for (let place = 0; place < 9; place++) {
      const r = Math.floor(tile / COLUMNS) + Math.floor(place / 3) - 1;
      const c = (tile % COLUMNS) + (place % 3) - 1;
      if (r < 0 || c < 0 || r >= ROWS || c >= COLUMNS) continue;
      for (let i = 0; i < CHANNELS; i++) out[(tile * CHANNELS + i) * 9 + place] = x[(r * COLUMNS + c) * CHANNELS + i];
    }
  }
  return out;
}

function plain() {
  const inputs = unfolded(Float32Array);
  const n = 9 * CHANNELS;
  let sum = 0;
  for (let tile = 0; tile < TILES; tile++) {
    for (let o = 0; o < CHANNELS; o++) {
      let own = 0;
      for (let i = 0; i < n; i++) own += inputs[tile * n + i] * weights[o * n + i];
      sum += own;
    }
  }
  return sum;
}

/** ONNX's MatMul of two matrices, as the bytes of a model. */
function matMulModel() {
  const field = (number, bytes) => [(number << 3) | 2, bytes.length, ...bytes];
  const text = (number, letters) => field(number, Array.from(letters, (letter) => letter.charCodeAt(0)));
  const shape = field(2, [...field(1, text(2, "m")), ...field(1, text(2, "n"))]);
  const value = (name) => [...text(1, name), ...field(2, field(1, [8, 1, ...shape]))];
  const node = [...text(1, "a"), ...text(1, "b"), ...text(2, "c"), ...text(4, "MatMul")];
  const values = [...field(11, value("a")), ...field(11, value("b")), ...field(12, value("c"))];
  const graph = [...field(1, node), ...text(2, "g"), ...values];
  return Uint8Array.from([8, 9, ...field(7, graph), ...field(8, [16, 18])]);
}

const kernel = await Kernel.start(await assembleKernel());
const none = { data: new Int32Array(CHANNELS), shape: [CHANNELS] };
const layer = new Layer(kernel, { data: weights, shape: [CHANNELS, CHANNELS, 3, 3] }, none, none);
await time("plain JavaScript", plain);

ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(matMulModel());
const b = new Float32Array(9 * CHANNELS * CHANNELS);
weights.forEach((weight, at) => (b[(at % (9 * CHANNELS)) * CHANNELS + Math.floor(at / (9 * CHANNELS))] = weight));
await time("ONNX Runtime, MatMul in float32", async () => {
  const feeds = {
    a: new ort.Tensor("float32", unfolded(Float32Array), [TILES, 9 * CHANNELS]),
    b: new ort.Tensor("float32", b, [9 * CHANNELS, CHANNELS]),
  };
  return total((await session.run(feeds)).c.data);
});
const inputs = [{ data: x, channels: CHANNELS }];
await time("kernel.wat, integers of 16 bits", () => total(layer.apply(inputs, ROWS, COLUMNS)));
process.exit(0);
