#include "tools/loadgen/output/requests_csv.h"

#include <iterator>

#include <fmt/format.h>

namespace smartbatch::loadgen {

void WriteRequestsCsv(const ResultSet& results, std::ostream& out) {
  out << "block,workload,strategy,repeat,customer,measured,scheduled_ms,sent_ms,done_ms,latency_ms,code,sequences,"
         "longest_characters,proxy_latency_ms,queue_ms,service_ms,batches,batch_share,dispatched_by\n";
  for (std::size_t number = 0; number < results.blocks.size(); ++number) {
    const Block& block = results.blocks[number];
    for (const RequestRecord& record : block.records) {
      // Names of customers, workloads and strategies hold no comma and no quote.
      out << fmt::format("{},{},{},{},{},{},{:.6f},{:.6f},{:.6f},{:.6f},{},{},{},{:.6f},{:.6f},{:.6f},{},{:.9g},{}\n",
                         number + 1, block.workload, block.strategy.name, block.repeat,
                         block.customers[record.customer], block.Measures(record) ? 1 : 0,
                         ToMilliseconds(record.scheduled), ToMilliseconds(record.sent), ToMilliseconds(record.done),
                         record.latency_ms(), StatusName(record.status_code), record.sequences, record.longest,
                         record.proxy_latency_ms, record.queue_ms, record.service_ms, record.batches,
                         record.batch_share, record.strategy);
    }
  }
}

}  // namespace smartbatch::loadgen
