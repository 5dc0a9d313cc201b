// Nets by ONNX Runtime's WebAssembly.

/** @typedef {typeof import("onnxruntime-web/wasm")} Runtime */
/** @typedef {import("onnxruntime-web/wasm").InferenceSession} Session */
/** @typedef {{data: Float32Array | BigInt64Array, shape: number[]}} Input */

/** A net that is run with its inputs by name, and gives its only output. */
export class Net {
  /**
   * @param {Runtime} runtime
   * @param {Session} session
   */
  constructor(runtime, session) {
    this.runtime = runtime;
    this.session = session;
  }

  /**
   * Loads a model with its weights.
   * @param {Runtime} runtime
   * @param {Uint8Array} model
   */
  static async load(runtime, model) {
    return new Net(runtime, await runtime.InferenceSession.create(model, { executionProviders: ["wasm"] }));
  }

  /**
   * Runs the net.
   * @param {Record<string, Input>} inputs
   * @returns {Promise<Float32Array>}
   */
  async run(inputs) {
    /** @type {Record<string, import("onnxruntime-web/wasm").Tensor>} */
    const feeds = {};
    for (const [name, { data, shape }] of Object.entries(inputs)) {
      feeds[name] = new this.runtime.Tensor(data instanceof Float32Array ? "float32" : "int64", data, shape);
    }
    const results = await this.session.run(feeds);
    return /** @type {Float32Array} */ (results[this.session.outputNames[0]].data);
  }
}
