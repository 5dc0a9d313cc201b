// The `.hvc` container: a file checked whole and taken apart. docs/FORMAT.md, "What a reader checks", has the order.

import { CorruptFile } from "./errors.js";
import { crc32 } from "./crc32.js";
import { checkCrc, compareCrc } from "./fields.js";
import { readStreamTable } from "./header.js";

/** @typedef {import("./header.js").Header} Header */
/** @typedef {import("./header.js").Stream} Stream */

/**
 * A checked file. levels: the complete level streams, coarse to fine. extras: payloads by type. levelLengths: bytes of
 * every level as the header declares them. truncated: the file was cut, only where that is accepted.
 * @typedef {object} Container
 * @property {Header} header
 * @property {Uint8Array[]} levels
 * @property {Map<number, Uint8Array>} extras
 * @property {number[]} levelLengths
 * @property {number} framingBytes
 * @property {boolean} truncated
 */

/**
 * Checks a whole file and takes it apart.
 * @param {Uint8Array} data
 * @param {boolean} partial Accept a file cut after its coarsest level; complete levels are returned.
 * @returns {Container}
 */
export function unpack(data, partial) {
  const table = readStreamTable(data);
  const truncated = checkLengths(table, data.length, partial);
  if (!truncated) checkCrc(data, data.length - 4, "file");
  const present = table.levels.filter((level) => level.end <= data.length);
  for (const stream of [...table.extras, ...present]) {
    compareCrc(crc32(payload(data, stream)), stream.crc, stream.name);
  }
  return {
    header: table.header,
    levels: present.map((stream) => payload(data, stream)),
    extras: new Map(table.extras.map((stream) => [stream.kind, payload(data, stream)])),
    levelLengths: table.levels.map((stream) => stream.length),
    framingBytes: table.end + 4,
    truncated,
  };
}

/**
 * Returns whether the file is cut where `partial` allows it; throws CorruptFile for any other wrong length.
 * @param {import("./header.js").StreamTable} table
 * @param {number} nBytes
 * @param {boolean} partial
 */
function checkLengths(table, nBytes, partial) {
  const total = table.payloadEnd + 4;
  if (nBytes > total) throw new CorruptFile(`${nBytes - total} bytes follow the end of the file at offset ${total}`);
  if (nBytes === total) return false;
  for (const stream of [...table.extras, ...(partial ? table.levels.slice(0, 1) : table.levels)]) {
    if (stream.end > nBytes) {
      throw new CorruptFile(
        `${stream.name} needs ${stream.length} bytes at offset ${stream.start}, only ` +
          `${Math.max(0, nBytes - stream.start)} remain; the file is truncated`,
      );
    }
  }
  if (!partial) throw new CorruptFile(`the file ends at ${nBytes} of ${total} bytes; its checksum is cut off`);
  return true;
}

/**
 * @param {Uint8Array} data
 * @param {Stream} stream
 */
function payload(data, stream) {
  return data.subarray(stream.start, stream.end);
}
