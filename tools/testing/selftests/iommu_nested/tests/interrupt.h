/* SPDX-License-Identifier: GPL-2.0-only */
/* The interrupts of a device whose MSI signals an eventfd. */
#ifndef IOMMU_NESTED_INTERRUPT_H
#define IOMMU_NESTED_INTERRUPT_H

#include <poll.h>

#include "../lib/edu.h"

#define IRQ_TIMEOUT_MS	2000
#define NO_IRQ_MS	200

/* Whether an interrupt arrives. */
static bool irq_arrives(struct __test_metadata *_metadata, struct edu *edu,
			int event, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = event, .events = POLLIN };
	bool arrived;
	__u64 count;

	edu_raise_irq(edu);
	arrived = poll(&poll_fd, 1, timeout_ms) == 1;
	if (arrived)
		ASSERT_EQ((ssize_t)sizeof(count),
			  read(event, &count, sizeof(count)));
	edu_ack_irq(edu);
	return arrived;
}

#define EXPECT_IRQ(edu, event) \
	EXPECT_TRUE(irq_arrives(_metadata, edu, event, IRQ_TIMEOUT_MS))

#define EXPECT_NO_IRQ(edu, event) \
	EXPECT_FALSE(irq_arrives(_metadata, edu, event, NO_IRQ_MS))

#endif
