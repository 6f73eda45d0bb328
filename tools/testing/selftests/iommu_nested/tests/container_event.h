/* SPDX-License-Identifier: GPL-2.0-only */
/* What a container's event fd gives. */
#ifndef IOMMU_NESTED_CONTAINER_EVENT_H
#define IOMMU_NESTED_CONTAINER_EVENT_H

#include <poll.h>

#include "container_host.h"

#define EVENT_TIMEOUT_MS	2000
#define EVENT_QUIET_MS		200

static bool event_next(struct __test_metadata *_metadata, int fd,
		       int timeout_ms, struct vfio_nested_event *event)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	memset(event, 0xa5, sizeof(*event));
	if (poll(&poll_fd, 1, timeout_ms) != 1)
		return false;
	ASSERT_EQ(POLLIN, poll_fd.revents);
	ASSERT_EQ((ssize_t)sizeof(*event), read(fd, event, sizeof(*event)));
	return true;
}

static void no_event(struct __test_metadata *_metadata, int fd)
{
	struct vfio_nested_event event;

	EXPECT_FALSE(event_next(_metadata, fd, EVENT_QUIET_MS, &event)) {
		TH_LOG("unexpected reason %u", event.reason);
	}
	EXPECT_EQ(0, read(fd, &event, sizeof(event)));
}

#endif
