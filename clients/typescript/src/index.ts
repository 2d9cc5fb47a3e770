import type { components } from "./schema";

export { type Connection, type ConnectionOptions, connect, data } from "./connection";
export { ApiError, errorOf, type Problem } from "./errors";
export { type FollowOptions, type Frame, follow, type LiveFrame, type StoredEvent } from "./streams";
export type Schemas = components["schemas"];
