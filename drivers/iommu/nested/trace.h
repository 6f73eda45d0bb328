/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of the IOMMU drivers with nested translation: what happens
 * between a guest and the hardware.
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM iommu_nested

#if !defined(_IOMMU_NESTED_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IOMMU_NESTED_TRACE_H

#include <linux/device.h>
#include <linux/tracepoint.h>

/* A device is attached; @guest is the tag of a guest's context or -1. */
TRACE_EVENT(iommu_nested_attach,
	    TP_PROTO(struct device *dev, int guest, int error),
	    TP_ARGS(dev, guest, error),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(int, guest)
			     __field(int, error)
	    ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->guest = guest;
			   __entry->error = error;
	    ),
	    TP_printk("dev=%s guest=%d error=%d", __get_str(dev),
		      __entry->guest, __entry->error)
);

/* The entry of a device that a guest's configuration is part of is written. */
TRACE_EVENT(iommu_nested_entry,
	    TP_PROTO(struct device *dev, int guest, u64 word0, u64 word1),
	    TP_ARGS(dev, guest, word0, word1),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(int, guest)
			     __field(u64, word0)
			     __field(u64, word1)
	    ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->guest = guest;
			   __entry->word0 = word0;
			   __entry->word1 = word1;
	    ),
	    TP_printk("dev=%s guest=%d entry=%#018llx %#018llx", __get_str(dev),
		      __entry->guest, __entry->word0, __entry->word1)
);

/* A guest's invalidations were forwarded; @opcode is that of the first. */
TRACE_EVENT(iommu_nested_invalidate,
	    TP_PROTO(int guest, unsigned int opcode, unsigned int count,
		     unsigned int done, int error),
	    TP_ARGS(guest, opcode, count, done, error),
	    TP_STRUCT__entry(__field(int, guest)
			     __field(unsigned int, opcode)
			     __field(unsigned int, count)
			     __field(unsigned int, done)
			     __field(int, error)
	    ),
	    TP_fast_assign(__entry->guest = guest;
			   __entry->opcode = opcode;
			   __entry->count = count;
			   __entry->done = done;
			   __entry->error = error;
	    ),
	    TP_printk("guest=%d opcode=%#x count=%u done=%u error=%d",
		      __entry->guest, __entry->opcode, __entry->count,
		      __entry->done, __entry->error)
);

/* An event is handed to a guest; @error if user space does not take it. */
TRACE_EVENT(iommu_nested_event,
	    TP_PROTO(struct device *dev, int guest, unsigned int id, u64 address,
		     int error),
	    TP_ARGS(dev, guest, id, address, error),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(int, guest)
			     __field(unsigned int, id)
			     __field(u64, address)
			     __field(int, error)
	    ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->guest = guest;
			   __entry->id = id;
			   __entry->address = address;
			   __entry->error = error;
	    ),
	    TP_printk("dev=%s guest=%d id=%#x address=%#llx error=%d",
		      __get_str(dev), __entry->guest, __entry->id,
		      __entry->address, __entry->error)
);

/* The hardware has rejected a command. */
TRACE_EVENT(iommu_nested_command_error,
	    TP_PROTO(struct device *dev, u64 word0, u64 word1, unsigned int reason),
	    TP_ARGS(dev, word0, word1, reason),
	    TP_STRUCT__entry(__string(dev, dev_name(dev))
			     __field(u64, word0)
			     __field(u64, word1)
			     __field(unsigned int, reason)
	    ),
	    TP_fast_assign(__assign_str(dev);
			   __entry->word0 = word0;
			   __entry->word1 = word1;
			   __entry->reason = reason;
	    ),
	    TP_printk("dev=%s command=%#018llx %#018llx reason=%u", __get_str(dev),
		      __entry->word0, __entry->word1, __entry->reason)
);

#endif /* _IOMMU_NESTED_TRACE_H */

/* This part must be outside protection */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
