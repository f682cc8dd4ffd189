/** A volley from a process of its own, for another network namespace. Says `sent`, and then what came of it, as JSON. */
import { volley, type VolleyOptions } from './volley.js';

const options = JSON.parse(process.argv[2] ?? '{}') as VolleyOptions;
const result = await volley({
  ...options,
  onSent: () => {
    console.log('sent');
  },
});
console.log(JSON.stringify(result));
process.exit(0);
