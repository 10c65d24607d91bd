#include "tools/loadgen/engine/builtin_text.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::string_view kText = R"TEXT(A queue forms wherever work arrives faster than it can be done.
Whoever decides which work goes next decides who waits, and for how long.
def shortest(requests):
    return min(requests, key=lambda request: request.length)

Serving in the order of arrival feels just, and it is easy to explain.
Yet one long job at the head makes every short one behind it wait for its end.
struct Batch {
  std::vector<Sequence> sequences;
  std::size_t longest = 0;
};

A batch takes as long as its longest member, so the short ones travel with it for nothing.
Filling the free seats costs no time; adding a longer passenger delays all who are already aboard.
class Dispatcher:
    def __init__(self, limit):
        self.limit = limit
        self.waiting = []

    def offer(self, request):
        self.waiting.append(request)

    def next_batch(self):
        batch, self.waiting = self.waiting[:self.limit], self.waiting[self.limit:]
        return batch

Shortest first gives the lowest mean, and it starves the long under a steady stream of the short.
Taking turns between customers keeps a flood from drowning its neighbours.
for (const Request& request : pending) {
  if (batch.size() + request.size() > limit) break;
  batch.Add(request);
}

No rule is best for every load, which is why one measures: the same arrivals, each rule in turn.
A percentile without its number of samples is a rumour; a mean without its spread is half a sentence.
SELECT customer, count(*) AS requests, avg(latency_ms) FROM samples GROUP BY customer ORDER BY 3;
Ein Vergleich ist nur so gut wie seine gleichen Bedingungen; une mesure isolée ne prouve rien.
int main() {
  Clock clock;
  const auto start = clock.now();
  while (clock.now() - start < kMeasured) Step();
  return 0;
}

When the server stalls, an honest generator keeps its appointments and counts the wait from the hour it had promised.
)TEXT";

}  // namespace

std::string_view BuiltinText() { return kText; }

}  // namespace smartbatch::loadgen
