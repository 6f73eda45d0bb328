// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's own kinds of containers are as they were, beside ours. */

FIXTURE(type1)
{
	struct host host;
	int event;
};

FIXTURE_VARIANT(type1)
{
	unsigned long type;
};

FIXTURE_VARIANT_ADD(type1, v1)
{
	.type = VFIO_TYPE1_IOMMU,
};

FIXTURE_VARIANT_ADD(type1, v2)
{
	.type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_SETUP(type1)
{
	self->event = -1;
	container_up_nth(_metadata, &self->host, variant->type, 0, 1);
	if (_metadata->exit_code)
		return;
	self->event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(type1)
{
	if (self->event >= 0)
		close(self->event);
	host_down(&self->host);
}

TEST_F(type1, dma_and_interrupt)
{
	struct host *host = &self->host;
	struct edu *edu = &host->edu[0];

	EXPECT_EQ(0, vfio_extension(host->fd, VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_EQ(0, vfio_extension(host->fd, VFIO_NESTED_EXTENSION));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, page_gpa(host, PAGE_A)));
	ASSERT_EQ(0, edu_set_irq(edu, self->event));
	EXPECT_IRQ(edu, self->event);
	ASSERT_EQ(0, vfio_unmap(host->fd, GUEST_GPA, GUEST_SIZE, NULL));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, page_gpa(host, PAGE_A)));
}

TEST_F(type1, nothing_nested)
{
	struct host *host = &self->host;
	struct vfio_nested_bind_pasid_table bind = {
		.target = group_of(&host->edu[0]),
		.config = VFIO_NESTED_CONFIG_BYPASS,
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
	};
	union info info;

	EXPECT_EQ(-ENOTTY, vfio_bind(host->fd, &bind));
	EXPECT_EQ(-ENOTTY, vfio_unbind(host->fd, ALL_GROUPS));
	EXPECT_EQ(-ENOTTY, vfio_bind_msi(host->fd, ALL_GROUPS, IOVA, GUEST_GPA,
					 GUEST_PAGE));
	EXPECT_EQ(-ENOTTY, vfio_event_fd(host->fd, 1));
	ASSERT_EQ(0, vfio_info(host->fd, &info.info, sizeof(info)));
	EXPECT_EQ(NULL, vfio_capability(&info.info, VFIO_NESTED_INFO_CAP, 0));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, page_gpa(host, PAGE_A)));
}
