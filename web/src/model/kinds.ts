// SPDX-License-Identifier: Apache-2.0
// Which flows have views of their own.
import type { Flow } from "./api";

export const isSql = (proto: string): boolean => proto === "postgres" || proto === "mysql";

/* Operations whose target is a statement (docs/protocols.md); logins and the like have headers as others do. */
const STATEMENTS = new Set(["Query", "Execute", "Prepare", "Bind", "Describe", "Close", "BulkExecute", "Fetch", "SendLongData", "ResetStatement", "CopyData", "LocalInfile", "Notification", "Notice"]);

export const isStatement = (f: Flow): boolean => isSql(f.proto) && !!f.request?.target && STATEMENTS.has(f.request.op ?? "");

/* Rows as one JSON array a line. */
export const hasResult = (f: Flow): boolean => isStatement(f) && (f.response?.attrs?.columns !== undefined || f.response?.body?.type === "application/x-ndjson");
