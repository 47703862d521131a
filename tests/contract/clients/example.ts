// One series of figures, and a source paused, by the client that openapi-typescript makes of the description.
import createClient from "openapi-fetch";
import type { paths } from "./api";

const tributary = createClient<paths, "application/json" | "application/problem+json">({
  baseUrl: "http://127.0.0.1:8080",
  headers: { Authorization: "Bearer trib_…" },
});

export async function minutesByDay(): Promise<(number | null)[]> {
  const { data, error } = await tributary.GET("/v1/metrics/query", {
    params: { query: { metrics: ["minutes_consumed"], range: "last_28_days", granularity: "day" } },
  });
  if (error) throw new Error(error.detail);
  if (!("rows" in data)) throw new Error("the query asks for rows");
  return data.rows.map((row) => row.values["minutes_consumed"]?.value ?? null);
}

export async function pause(slug: string): Promise<string[]> {
  const { data, error } = await tributary.POST("/v1/sync/sources/{slug}/pause", { params: { path: { slug } } });
  if (error) throw new Error(error.detail);
  return data.streams.map((stream) => stream.stream);
}

// @ts-expect-error: a metric that does not exist is not compiled
void tributary.GET("/v1/metrics/query", { params: { query: { metrics: ["minutes_consumedd"] } } });
