// Fields of a binary file: little-endian integers, varints and checksums, read with care.

import { crc32 } from "./crc32.js";
import { CorruptFile } from "./errors.js";

/** Takes fields off the front of a file; a field that is not all there is a CorruptFile. */
export class Reader {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    /** The offset of the next field. */
    this.at = 0;
  }

  /**
   * Takes the next n bytes.
   * @param {number} n
   * @param {string} field Names them in the error that is thrown if there are fewer.
   */
  take(n, field) {
    const left = this.data.length - this.at;
    if (n > left) {
      throw new CorruptFile(
        `${field} needs ${n} bytes at offset ${this.at}, only ${left} remain; the file is truncated`,
      );
    }
    this.at += n;
    return this.data.subarray(this.at - n, this.at);
  }

  /**
   * Takes the next n bytes, at most 4, as an unsigned integer, low byte first.
   * @param {number} n
   * @param {string} field
   */
  uint(n, field) {
    return littleEndian(this.take(n, field));
  }

  /**
   * Takes the next LEB128 integer, at most `limit`; only its shortest form is legal.
   * @param {string} field
   * @param {number} limit
   */
  varint(field, limit) {
    const start = this.at;
    let value = 0;
    let shift = 0;
    let byte;
    do {
      byte = this.uint(1, field);
      value += (byte & 0x7f) * 2 ** shift; // not <<, which knows 32 bits
      shift += 7;
    } while (byte >= 0x80 && value <= limit && shift <= 35);
    if (value > limit || byte >= 0x80) {
      throw new CorruptFile(`${field} at offset ${start} is above the limit of ${limit}`);
    }
    if (byte === 0 && shift > 7) throw new CorruptFile(`${field} at offset ${start} is not in its shortest form`);
    return value;
  }
}

/**
 * Compares the checksum of the first `end` bytes with the four bytes that follow them.
 * @param {Uint8Array} data
 * @param {number} end
 * @param {string} what Names what the checksum is of.
 */
export function checkCrc(data, end, what) {
  const stored = data.subarray(end, end + 4);
  if (stored.length < 4) {
    throw new CorruptFile(
      `${what} checksum needs 4 bytes at offset ${end}, only ${stored.length} remain; the file is truncated`,
    );
  }
  compareCrc(crc32(data.subarray(0, end)), littleEndian(stored), what);
}

/**
 * Refuses a checksum that is not the one that the file states.
 * @param {number} actual
 * @param {number} stored
 * @param {string} what
 */
export function compareCrc(actual, stored, what) {
  if (actual !== stored) {
    const [is, says] = [actual, stored].map((crc) => crc.toString(16).padStart(8, "0"));
    throw new CorruptFile(`${what} checksum is ${is}, file says ${says}; it changed after it was written`);
  }
}

/**
 * Returns bytes as hexadecimal digits.
 * @param {Uint8Array} bytes
 */
export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Uint8Array} bytes */
function littleEndian(bytes) {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
