import { crc32c } from './crc32c.js';

/**
 * A record of a TFRecord file: length (64 bits, little-endian), its checksum, the bytes, their
 * checksum. Source: tensorflow/core/lib/io/record_writer.h.
 */
export function frameRecord(bytes: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(12 + bytes.length + 4);
  framed.writeBigUInt64LE(BigInt(bytes.length), 0);
  framed.writeUInt32LE(maskedCrc(framed.subarray(0, 8)), 8);
  framed.set(bytes, 12);
  framed.writeUInt32LE(maskedCrc(bytes), 12 + bytes.length);
  return framed;
}

/** A checksum of bytes that hold checksums would be weak: tensorflow/core/lib/hash/crc32c.h. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
