// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's interrupt is a DMA, too. The variants, one for each kind of table,
 * are with what the IOMMU has of its own.
 */

FIXTURE(msi)
{
	struct host host;
	struct vm vm;
	int event;
};

FIXTURE_VARIANT(msi)
{
	/* Sets up a device and what it is attached to */
	void (*up)(struct __test_metadata *_metadata, struct host *host,
		   struct vm *vm);
	bool silent;			/* no interrupt gets through */
};

FIXTURE_SETUP(msi)
{
	struct edu *edu = &self->host.edu[0];

	self->event = -1;
	variant->up(_metadata, &self->host, &self->vm);
	if (_metadata->exit_code)
		return;
	self->event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
	ASSERT_EQ(0, edu_set_irq(edu, self->event));
}

FIXTURE_TEARDOWN(msi)
{
	if (self->event >= 0)
		close(self->event);
	host_down(&self->host);
}

TEST_F(msi, interrupt_arrives)
{
	struct edu *edu = &self->host.edu[0];
	int timeout = variant->silent ? NO_IRQ_MS : IRQ_TIMEOUT_MS;
	int i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(!variant->silent,
			  irq_arrives(_metadata, edu, self->event, timeout));
}

/* A paging domain, and the device in it */
static void msi_up(struct __test_metadata *_metadata, struct host *host,
		   __u32 flags)
{
	__u32 hwpt;

	host_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					flags, &hwpt));
	ASSERT_EQ(0, edu_attach(&host->edu[0], hwpt));
}

static void msi_up_plain(struct __test_metadata *_metadata, struct host *host,
			 struct vm *vm)
{
	msi_up(_metadata, host, 0);
}
