/** What `who` answers, as schemas. */
import { z } from 'zod';
import { eventView, journalDeletedUntil } from './views.js';

const time = z.string().describe('ISO 8601, UTC');
const octets = z.string().describe(String.raw`octets that are not printable are shown as \xNN, a backslash as \\`);
const gap = z
  .strictObject({ since: time, until: time })
  .nullable()
  .describe('the time lies in a stretch in which nobody could have heard of a change');

const possessorView = z.strictObject({
  vrf: z.string(),
  address: z.string().describe('what was held: the address, or a prefix around it as address/length'),
  kind: z
    .enum(['session', 'tenure'])
    .describe('`session`: who was on it, by accounting; `tenure`: whose it was, by order, whether he was there or not'),
  subscriber_id: z.string().nullable().describe('null where nobody knows whose session it was'),
  assignment: z.number().int().nullable(),
  pool_id: z.string().nullable(),
  session: z
    .strictObject({
      id: z.number().int(),
      session_id: octets,
      username: octets.nullable(),
      nas: z.string(),
      nas_address: z.string(),
      nas_known_by: z.enum(['source-address', 'nas-identifier', 'nas-ip-address']),
      nas_known_as: z.string(),
    })
    .nullable(),
  since: time,
  until: time.nullable().describe('null: still'),
  confidence: z
    .enum(['seen', 'authorised', 'inferred', 'overlapping', 'unobserved'])
    .describe(
      '`seen`: its Start or the whole of it was heard; `authorised`: named before it was seen; `inferred`: its begin or end was not heard; `overlapping`: sessions of others were on it at the time; `unobserved`: nobody listened at the time',
    ),
  unobserved: gap,
  events: z.array(eventView).describe('the lines of the journal that say so, oldest first'),
});

export const whoView = z.strictObject({
  address: z.string(),
  at: time.describe('the second that was asked about'),
  vrfs: z.array(z.string()).describe('where somebody had it; where there are several, all are told'),
  possessors: z.array(possessorView).describe('sessions before tenures, each the newest first; none: nobody is known'),
  unobserved: gap,
  journal_deleted_until: journalDeletedUntil,
  nat: z
    .array(z.strictObject({ vrf: z.string(), pool_id: z.string() }))
    .describe('pools of kind nat that hold it: the port is required, and is not known here'),
});

export type WhoView = z.infer<typeof whoView>;
export type PossessorView = WhoView['possessors'][number];
