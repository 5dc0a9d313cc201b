// The decoder as the page sees it: calls that a worker answers.

/** @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiting */

/** Calls the worker; one call after the other. */
export class Client {
  /** @param {string} source The worker's script; a blob of it starts wherever the page lies. */
  constructor(source) {
    this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    this.calls = 0;
    this.worker.addEventListener("message", ({ data }) => this.#answer(data));
    this.worker.addEventListener("error", (event) => this.#failAll(event.message || "the decoder did not start"));
  }

  /**
   * Calls what `worker.js` lists. An error has the words that a person reads as its message.
   * @param {string} call
   * @param {unknown[]} args
   * @returns {Promise<any>}
   */
  call(call, ...args) {
    const id = this.calls++;
    this.worker.postMessage({ id, call, args });
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  /** @param {{id: number, result?: unknown, error?: string, name?: string, stack?: string}} answer */
  #answer({ id, result, error, name, stack }) {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(Object.assign(new Error(error), { name, stack }));
  }

  /** @param {string} words */
  #failAll(words) {
    for (const { reject } of this.waiting.values()) reject(new Error(words));
    this.waiting.clear();
  }
}
