/** What the API says of routed subnets and of what they ride on, as schemas. */
import { z } from 'zod';
import { LIFECYCLE_STATES } from '../lifecycle/state.js';

const other = {
  assignment: z.number().int(),
  address: z.string().describe('an address, or a prefix as address/length'),
};

/** Two fields of an assignment. */
export const subnetFields = {
  parent: z.strictObject(other).nullable().describe('what a routed subnet rides on; null: it stands by itself'),
  subnets: z
    .array(z.strictObject({ ...other, lifecycle_state: z.enum(LIFECYCLE_STATES) }))
    .describe('the routed subnets that ride on it and are not revoked'),
};
