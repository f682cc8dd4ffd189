/** Entry of the thread that reads one backup whole: that takes as long as the disk does, and accounting goes on. */
import { workerData } from 'node:worker_threads';
import { inspectCopy } from '../../store/inspection.js';
import type { FromInspection, InspectionStart } from './inspection-messages.js';
import { yieldToOthers } from './niceness.js';
import { parent, plainError } from './parent.js';

const { path } = workerData as InspectionStart;

function answer(): FromInspection {
  try {
    return { type: 'read', facts: inspectCopy(path) };
  } catch (error) {
    return { type: 'unreadable', error: plainError(error) };
  }
}

yieldToOthers();
parent().postMessage(answer());
