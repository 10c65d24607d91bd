// Runs on a Prometheus the queries that a dashboard would send. Needs no package.
export const RANGE_SECONDS = 60;
export const STEP_SECONDS = 5;

// A query as Grafana would send it, with the panel's variables filled in: any value if `choices` has none.
export const filledIn = (expr, choices = {}) => expr
  .replaceAll('$__range_s', `${RANGE_SECONDS}`)
  .replaceAll('$__range', `${RANGE_SECONDS}s`)
  .replaceAll('$__rate_interval', '20s')
  .replaceAll('$__interval', `${STEP_SECONDS}s`)
  .replaceAll(/\$(\w+)/g, (_, name) => choices[name] ?? '.*');

export class Prometheus {
  // `end`: the moment of the queries, in seconds since 1970.
  constructor(url, end) {
    this.url = url;
    this.end = end;
  }

  async ask(path, parameters) {
    const response = await fetch(`${this.url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
    const answer = await response.json();
    if (answer.status !== 'success') throw new Error(answer.error);
    return answer.data;
  }

  // The numbers that a query returns, as [{labels, values}]; with `isRange` over the last RANGE_SECONDS.
  async results(query, isRange = false) {
    const { end } = this;
    const data = isRange
      ? await this.ask('query_range', { query, start: end - RANGE_SECONDS, end, step: STEP_SECONDS })
      : await this.ask('query', { query, time: end });
    return data.result
      .map(({ metric, value, values }) => ({ labels: metric, values: (values ?? [value]).map(([, v]) => Number(v)) }))
      .filter(({ values }) => values.some((v) => !Number.isNaN(v)));
  }
}
