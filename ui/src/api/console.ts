/** The SQL console: what tables there are, a question that can be stopped, answers as files. */

import * as v from "valibot";
import { saveAs } from "./download";
import { type Result } from "./query";
import { type SqlAnswer, useSql } from "./sql";

const column = v.object({ table_name: v.string(), column_name: v.string(), data_type: v.string(), is_nullable: v.string() });
export type SchemaColumn = v.InferOutput<typeof column>;

/** Every column of every table. */
export const useSchema = (): Result<SqlAnswer<SchemaColumn>> =>
  useSql(
    "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
    column, { doing: "list tables", immutable: true, rowLimit: 5000 },
  );

const key = v.object({ table: v.string(), key: v.string(), type: v.nullable(v.string()) });
export type AttributeKey = v.InferOutput<typeof key>;

/** Keys of attributes, by the table and type they were sent in. */
export const useAttributeKeys = (): Result<SqlAnswer<AttributeKey>> => useSql(`SELECT "table", key, type FROM attribute_keys ORDER BY "table", key`, key, { doing: "list attributes", rowLimit: 5000 });

const size = v.object({ table: v.string(), rows: v.number(), bytes: v.number() });
/** Rows and bytes of each table, in segments; what is buffered is not among them yet. */
export const useTableSizes = (): Result<SqlAnswer<v.InferOutput<typeof size>>> =>
  useSql(`SELECT "table", CAST(sum(rows) AS DOUBLE) AS rows, CAST(sum(bytes) AS DOUBLE) AS bytes FROM segments GROUP BY 1`, size, { doing: "count rows of tables" });

export const FORMATS = ["csv", "parquet", "arrow", "json"] as const;
export type ExportFormat = (typeof FORMATS)[number];

/** The whole answer as a file, without the limit of rows that the grid has. */
export const exportSql = (query: string, format: ExportFormat): Promise<void> =>
  saveAs({ doing: "export this", path: "/api/v1/sql", body: { query, format } }, `binnacle.${format}`);
