/** What a command of `addrd` came to: standard output and error, and the exit status. */
export interface Outcome {
  readonly output: string;
  readonly complaint: string;
  readonly status: number;
}
