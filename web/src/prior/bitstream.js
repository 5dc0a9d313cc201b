// The bitstream weights, ready to decode with: layers and tables in the kernel's memory, and what else a file's digest
// names.

import { CodecUnavailable } from "../format/errors.js";
import { N_TABLES } from "../entropy/codings.js";
import { storeTable, storeUniform } from "../entropy/tables.js";
import { adaptationTables } from "./adaptation.js";
import { Layer } from "./layers.js";

/** @typedef {import("../kernel.js").Kernel} Kernel */
/** @typedef {import("../entropy/tables.js").Table} Table */
/** @typedef {import("../weights/safetensors.js").Tensor} Tensor */

/** What all slices of all pictures of some bitstream weights are decoded with. */
export class Bitstream {
  /**
   * @param {Kernel} kernel
   * @param {Map<string, Tensor>} tensors Of the file of the bitstream weights.
   */
  constructor(kernel, tensors) {
    this.kernel = kernel;
    this.tensors = tensors;
    /** @type {Map<string, Layer>} */
    this.layers = new Map();
    for (const key of tensors.keys()) {
      if (!key.endsWith(".weight")) continue;
      const name = key.slice(0, -".weight".length);
      const [bias, shift] = [this.#tensor(`${name}.bias`), this.#tensor(`${name}.shift`)];
      this.layers.set(name, new Layer(kernel, this.#tensor(key), bias, shift));
    }
    this.tables = Array.from({ length: N_TABLES }, (_, number) =>
      storeTable(kernel, this.array(`table.${String(number).padStart(3, "0")}`)),
    );
    this.shapeTables = ["tiles", "quadrants"].map((name) => storeRows(kernel, this.#tensor(`shapes.${name}`)));
    this.escape = storeUniform(kernel, 16);
    this.adaptation = adaptationTables(kernel);
    this.logTable = this.array("log_table");
  }

  /**
   * The layer of a name.
   * @param {string} name
   */
  layer(name) {
    return present(this.layers.get(name), name);
  }

  /**
   * The numbers of an array, its last index fastest.
   * @param {string} name
   */
  array(name) {
    return this.#tensor(name).data;
  }

  /** @param {string} name */
  #tensor(name) {
    return present(this.tensors.get(name), name);
  }
}

/**
 * @template T
 * @param {T | undefined} value
 * @param {string} name
 * @returns {T}
 */
function present(value, name) {
  if (value !== undefined) return value;
  throw new CodecUnavailable(`the bitstream weights have no ${name}; they are of another codec`);
}

/**
 * Stores every row of an array as a table.
 * @param {Kernel} kernel
 * @param {Tensor} tensor (tables, entries)
 * @returns {Table[]}
 */
function storeRows(kernel, { data, shape: [rows, entries] }) {
  const row = (/** @type {number} */ number) => data.subarray(number * entries, (number + 1) * entries);
  return Array.from({ length: rows }, (_, number) => storeTable(kernel, row(number)));
}
