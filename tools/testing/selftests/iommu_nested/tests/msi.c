// SPDX-License-Identifier: GPL-2.0-only
/* The device's interrupt is a DMA, too: it passes the same tables. */

#define MSI_TIMEOUT_MS		2000

FIXTURE(msi)
{
	struct host host;
	struct vm vm;
	int event;
};

FIXTURE_VARIANT(msi)
{
	bool nested;
	bool mapped;			/* the guest's stage 1 has the window */
	__u32 flags;
};

FIXTURE_VARIANT_ADD(msi, stage1)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(msi, stage2)
{
	.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
};

FIXTURE_VARIANT_ADD(msi, nested)
{
	.nested = true,
	.mapped = true,
};

/* A guest that does not map the doorbell gets no interrupts, as on hardware. */
FIXTURE_VARIANT_ADD(msi, nested_unmapped)
{
	.nested = true,
};

FIXTURE_SETUP(msi)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u32 pt;

	self->event = -1;
	if (variant->nested)
		nest_up(_metadata, host, vm);
	else
		host_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	self->event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->event);

	if (variant->nested) {
		if (variant->mapped)
			ASSERT_EQ(0, s1_map(&vm->s1, MSI_WINDOW, MSI_WINDOW));
		pt = vm->hwpt;
	} else {
		ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev,
						host->ioas, variant->flags,
						&pt));
	}
	ASSERT_EQ(0, edu_attach(&host->edu[0], pt));
	ASSERT_EQ(0, edu_set_irq(&host->edu[0], self->event));
}

FIXTURE_TEARDOWN(msi)
{
	if (self->event >= 0)
		close(self->event);
	host_down(&self->host);
}

TEST_F(msi, interrupt_arrives)
{
	struct pollfd poll_fd = { .fd = self->event, .events = POLLIN };
	struct edu *edu = &self->host.edu[0];
	bool expected = !variant->nested || variant->mapped;
	int i;

	for (i = 0; i < 3; i++) {
		__u64 count;

		edu_raise_irq(edu);
		EXPECT_EQ(expected, poll(&poll_fd, 1, expected ?
					 MSI_TIMEOUT_MS : 200));
		if (poll_fd.revents & POLLIN)
			EXPECT_EQ((ssize_t)sizeof(count),
				  read(self->event, &count, sizeof(count)));
		edu_ack_irq(edu);
	}
}
