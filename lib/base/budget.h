/* SPDX-License-Identifier: MIT */
/*
 * What a file may cost. A few hostile bytes can ask for any amount of memory and time: objects that are referred to
 * again and again, packed zeros, views without strides. So whoever reads a file makes one budget from its bytes on the
 * disk and hands it to every parser, and nobody counts anything of their own:
 *
 *   memory     every block that the reading allocates. Parsers take blocks from `allocator`, which counts them; blocks
 *              that come from elsewhere are charged with rn_budget_memory. What is released is not given back, except
 *              by rn_budget_return: the sum bounds the peak.
 *   work       what allocates nothing: values looked at, bytes scanned, checksummed or unpacked. A unit is about what
 *              one byte costs, a nanosecond.
 *   elements   bytes of the tensors that come out, were each written down in full. Views may share a storage and have
 *              strides of zero; whoever copies or saves them pays for the elements.
 *
 * The constants are generous: files of torch.save need less than a tenth of each, files of nothing but
 * small numbers three quarters.
 * The allowance for a file of any size lets small files be unlike the average.
 */
#ifndef RN_BASE_BUDGET_H
#define RN_BASE_BUDGET_H

#include "base/memory.h"
#include "base/message.h"

#define RN_BUDGET_MEMORY_PER_BYTE 256
#define RN_BUDGET_MEMORY_ANYWAY ((size_t)4 << 20)
#define RN_BUDGET_WORK_PER_BYTE 512
#define RN_BUDGET_WORK_ANYWAY ((size_t)8 << 20)
#define RN_BUDGET_ELEMENTS_PER_BYTE 16
/* Samples of state dicts are made small by expanding one number: two networks of an ordinary size have room. */
#define RN_BUDGET_ELEMENTS_ANYWAY ((size_t)1 << 30)

/* One of the three: what was allowed, and what of it is left. */
typedef struct rn_budget_limit {
    size_t allowed, left;
    bool passed;
} rn_budget_limit;

typedef struct rn_budget {
    rn_allocator allocator; /* charges a block, then asks `source` for it; its blocks may be released by `source` */
    const rn_allocator *source;
    size_t nbytes; /* of the file */
    rn_budget_limit memory, work, elements;
} rn_budget;

/* For a file of `nbytes` bytes. The budget must stay where it is, and `source` must outlive it. */
void rn_budget_init(rn_budget *budget, const rn_allocator *source, size_t nbytes);

/* False: the limit would be passed; nothing more may be spent then, and the reading must end. */
bool rn_budget_memory(rn_budget *budget, size_t nbytes);
bool rn_budget_work(rn_budget *budget, size_t units);
bool rn_budget_elements(rn_budget *budget, size_t nbytes);
/* count * each for a charge; a product that does not fit is more than any budget. */
size_t rn_budget_product(size_t count, size_t each);
/* Memory that was charged and is free again. */
void rn_budget_return(rn_budget *budget, size_t nbytes);

/*
 * The status of a reading that ends: RN_FORMAT and a sentence that names the limit if one was passed (an allocation
 * that the budget refused looks like a lack of memory to whoever asked), else `status` with the message as it is.
 */
rn_status rn_budget_settle(const rn_budget *budget, rn_status status, const char *path, rn_message *message);

#endif
