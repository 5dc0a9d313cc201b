// The decoder in a worker of its own, so that the page lives while it works. `page/client.js` is the other side.

import { Decoder } from "../decoder.js";
import { CodecError } from "../format/errors.js";
import { writePng } from "../picture/png.js";
import { Bundle } from "../weights/bundle.js";
import { prepareRuntime } from "./runtime.js";
import { symbolsDigest } from "./symbols_digest.js";

/** @typedef {import("../decoder.js").OpenFile} OpenFile */

/** @type {Decoder | null} */
let decoder = null;
/** @type {OpenFile | null} */
let file = null;

const CALLS = {
  /**
   * Loads a file of weights, and says what is in it.
   * @param {Uint8Array} bytes
   */
  async load(bytes) {
    const bundle = new Bundle(bytes);
    decoder = await Decoder.load(bundle, await prepareRuntime(bundle));
    return bundle.about;
  },

  /**
   * Opens a file, and says what `hvaecodec info` says of it.
   * @param {Uint8Array} bytes
   * @param {boolean} partial
   */
  async open(bytes, partial) {
    file = null;
    file = await present(decoder, "weights").open(bytes, partial);
    return file.info;
  },

  /**
   * Decodes the open file into a PNG, and says how long it took.
   * @param {import("../decoder.js").Settings} settings
   */
  async decode(settings) {
    const start = performance.now();
    const { picture, icc, exif, notes } = await present(file, "file").decode(settings);
    const seconds = (performance.now() - start) / 1000;
    return { png: await writePng(picture, icc, exif), width: picture.width, height: picture.height, notes, seconds };
  },

  /** Decodes the symbols of the open file afresh; returns their digest, and how long it took. */
  async symbols() {
    const open = present(file, "file");
    open.decoded = null;
    const start = performance.now();
    const context = open.context(open.container.levelLengths.length);
    const seconds = (performance.now() - start) / 1000;
    return { digest: await symbolsDigest(context), seconds };
  },
};

/**
 * @template T
 * @param {T | null} value
 * @param {string} what
 * @returns {T}
 */
function present(value, what) {
  if (value === null) throw new CodecError(`there is no ${what} yet`);
  return value;
}

/**
 * What an error says to a person, on one line.
 * @param {unknown} error
 */
function wordsOf(error) {
  if (error instanceof CodecError) return error.message;
  if (error instanceof RangeError || /bad_alloc|out of memory/i.test(String(error))) {
    return "not enough memory for this picture";
  }
  return `unexpected ${String(error).split("\n")[0]}`;
}

/** The call before; each waits for it, since nets and kernel do one thing at a time. */
/** @type {Promise<unknown>} */
let before = Promise.resolve();

/** @type {Record<string, (...args: any[]) => Promise<unknown>>} */
const calls = CALLS;

addEventListener("message", ({ data: { id, call, args } }) => {
  before = before.then(async () => {
    try {
      postMessage({ id, result: await calls[call](...args) });
    } catch (error) {
      const { name, stack } = error instanceof Error ? error : { name: "Error", stack: "" };
      postMessage({ id, error: wordsOf(error), name, stack });
    }
  });
});
