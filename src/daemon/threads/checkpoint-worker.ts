/** Entry of the checkpoint thread: it looks at the write-ahead log all the time and writes it back when it has grown. */
import { workerData } from 'node:worker_threads';
import { Checkpointer, openCheckpointer } from '../../store/checkpoint.js';
import { systemClock, systemTimers, type TimerHandle } from '../clock.js';
import type { CheckpointStart, FromCheckpoints, ToCheckpoints } from './checkpoint-messages.js';
import { parent, plainError } from './parent.js';
import type { Alive } from './thread.js';

const LOOK_MS = 50;
/** After a failure, or where a long read lets nothing be written back. */
const PATIENCE_MS = 500;
/** While it writes back, the writer goes on; each pass finds less than the one before. */
const PASSES = 4;

const port = parent();
const { storePath, limits } = workerData as CheckpointStart;
const say = (message: FromCheckpoints | Alive): void => {
  port.postMessage(message);
};

const db = openCheckpointer(storePath);
const wal = new Checkpointer(db);
let timer: TimerHandle = null;

/** Checkpoints where it is due; false where nothing could be written back. */
function checkpoint(): boolean {
  let state = wal.look();
  if (state.frames - state.backfilled < limits.checkpointFrames) return true;
  const began = systemClock.monoMs();
  const found = state.backfilled;
  for (let pass = 0; pass < PASSES; pass++) {
    const before = state.backfilled;
    state = wal.passive();
    const left = state.frames - state.backfilled;
    if (state.bytes <= limits.restartBytes || left <= limits.restartFrames || state.backfilled === before) break;
  }
  say({ type: 'checkpointed', state, ms: systemClock.monoMs() - began });
  return state.backfilled !== found;
}

function work(): void {
  let next = LOOK_MS;
  try {
    if (!checkpoint()) next = PATIENCE_MS;
  } catch (error) {
    say({ type: 'failed', error: plainError(error) });
    next = PATIENCE_MS;
  }
  timer = systemTimers.set(next, work);
}

port.on('message', (message: ToCheckpoints) => {
  if (message.type === 'beat') {
    say({ type: 'alive' });
    return;
  }
  systemTimers.clear(timer);
  db.close();
  port.close();
});
say({ type: 'ready' });
work();
