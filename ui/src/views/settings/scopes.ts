/** The scopes that a key may have, and what each allows. */
export const SCOPES: [name: string, allows: string][] = [
  ["read", "look at threads, runs, events, agents, tools and metrics"],
  ["run", "start, cancel and retry runs; make, change and erase threads and contexts"],
  ["fork", "fork runs, and write messages of the assistant"],
  ["tools", "call a tool directly"],
  ["approve", "see and answer one’s own approvals"],
  ["approve:any", "see and answer everyone’s approvals"],
  ["delegate", "act for others by X-On-Behalf-Of; needs a rate and a quota"],
  ["admin", "everything: keys, retention, caches, tools that no agent lists"],
];

const DAY = 86_400;

/** How long a new key may be valid, in seconds; 0: until it is revoked. */
export const LIFETIMES: [name: string, seconds: number][] = [
  ["an hour", 3600],
  ["a day", DAY],
  ["30 days", 30 * DAY],
  ["90 days", 90 * DAY],
  ["a year", 365 * DAY],
  ["until it is revoked", 0],
];

/** What the form of a new key holds, as text. */
export interface KeyForm {
  name: string;
  principal: string;
  scopes: string[];
  lifetime: number;
  rate: string;
  tokens: string;
  usd: string;
  runs: string;
}

/** Return the body of `POST /keys`, or a sentence that says what is wrong with the form. */
export function bodyOf(form: KeyForm): Record<string, unknown> | string {
  if (!form.name.trim()) return "Give the key a name.";
  if (form.scopes.length === 0) return "Choose at least one scope.";
  const quota = {
    tokens_per_day: amount(form.tokens),
    usd_per_day: amount(form.usd),
    concurrent_runs: amount(form.runs),
  };
  if (Object.values(quota).some(Number.isNaN)) return "The limits of a quota are numbers, or empty.";
  return {
    name: form.name.trim(),
    scopes: form.scopes,
    ...(form.principal.trim() && { principal: form.principal.trim() }),
    ...(form.lifetime && { expires_in_seconds: form.lifetime }),
    ...(form.rate.trim() && { rate: form.rate.trim() }),
    quota,
  };
}

function amount(text: string): number | null {
  return text.trim() === "" ? null : Number(text);
}
