/** What is wrong with a line of a dictionary file. */
export type DictionaryFaultCode =
  | 'file-unreadable'
  | 'include-loop'
  | 'include-depth'
  | 'keyword-unknown'
  | 'field-missing'
  | 'field-surplus'
  | 'number-malformed'
  | 'number-range'
  | 'type-unknown'
  | 'option-unknown'
  | 'vendor-unknown'
  | 'vendor-conflict'
  | 'format-unknown'
  | 'block-mismatch'
  | 'attribute-unknown'
  | 'attribute-conflict'
  | 'value-conflict'
  | 'value-type';

/** One fault: where it is and what was expected there. */
export interface DictionaryFault {
  readonly file: string;
  /** From 1; 0 for the file as a whole. */
  readonly line: number;
  readonly code: DictionaryFaultCode;
  readonly expected: string;
}

/** A user dictionary that cannot be used, with every fault that was found. */
export class DictionaryError extends Error {
  override readonly name = 'DictionaryError';
  readonly code = 'dictionary-faulty';
  readonly faults: readonly DictionaryFault[];

  constructor(faults: readonly DictionaryFault[]) {
    super(faults.map(faultText).join('\n'));
    this.faults = faults;
  }
}

/** `file:line: code: what was expected`. */
export function faultText({ file, line, code, expected }: DictionaryFault): string {
  return `${file}:${String(line)}: ${code}: ${expected}`;
}
