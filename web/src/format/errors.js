// The one tree of errors that a file may raise, with the names that the Python package has.

/** The root of every error about a file. Its message is one line that a person reads. */
export class CodecError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** The bytes are not an `.hvc` file but something else altogether. */
export class NotThisFormat extends CodecError {}

/** The file is sound and needs a newer reader. */
export class UnsupportedVersion extends CodecError {}

/** The file was cut, changed or extended after it was written. */
export class CorruptFile extends CodecError {}

/** The file needs other weights than those that were loaded. */
export class ModelMismatch extends CodecError {}

/** The codec or its weights are not here. */
export class CodecUnavailable extends CodecError {}
