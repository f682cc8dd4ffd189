/** Why a datagram or one of its values was refused. The code is stable: it serves as metric label and log field. */
export type DecodeErrorCode =
  | 'datagram-too-short'
  | 'length-too-small'
  | 'length-too-large'
  | 'length-beyond-datagram'
  | 'attribute-length-too-small'
  | 'attribute-overruns-packet'
  | 'value-length'
  | 'value-empty'
  | 'prefix-length'
  | 'missing-acct-status-type';

/** The peer's octets are wrong. `offset` counts octets from the start of the packet, or of the value where only that was given. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
  readonly code: DecodeErrorCode;
  readonly offset: number;

  constructor(code: DecodeErrorCode, offset: number) {
    super(`${code} at octet ${String(offset)}`);
    this.code = code;
    this.offset = offset;
  }
}

export type EncodeErrorCode =
  | 'code-range'
  | 'identifier-range'
  | 'authenticator-length'
  | 'attribute-type-range'
  | 'attribute-too-long'
  | 'packet-too-long'
  | 'value-range'
  | 'value-length'
  | 'value-empty'
  | 'prefix-length'
  | 'host-bits-set'
  | 'secret-empty'
  | 'value-type'
  | 'value-text'
  | 'tag-range'
  | 'attribute-unknown'
  | 'attribute-internal'
  | 'attribute-encrypted'
  | 'attribute-container';

/** The caller asked for something that RADIUS cannot carry. */
export class EncodeError extends Error {
  override readonly name = 'EncodeError';
  readonly code: EncodeErrorCode;

  constructor(code: EncodeErrorCode, detail: string) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}

/** A server or client was used out of turn: started twice, or used after its stop. */
export class StateError extends Error {
  override readonly name = 'StateError';
  readonly code: 'already-started' | 'stopped';

  constructor(code: 'already-started' | 'stopped') {
    super(code);
    this.code = code;
  }
}
