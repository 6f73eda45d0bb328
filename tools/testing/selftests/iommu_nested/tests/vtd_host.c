// SPDX-License-Identifier: GPL-2.0-only
/* What a remapping unit tells of itself, and what it takes. */

TEST_F(host, hw_info)
{
	struct host *host = &self->host;
	struct iommu_hw_info_vtd info;
	struct iommu_hw_info cmd = { 0 };
	struct vtd_unit unit;

	ASSERT_EQ(0, iommufd_hw_info(host->fd, host->edu[0].dev, &cmd, &info,
				     sizeof(info)));
	EXPECT_EQ((__u32)IOMMU_HW_INFO_TYPE_INTEL_VTD, cmd.out_data_type);
	EXPECT_EQ(sizeof(info), cmd.data_len);
	EXPECT_EQ(0U, info.__reserved);
	ASSERT_EQ(0, vtd_read(&unit));
	EXPECT_EQ(unit.cap, info.cap_reg);
	EXPECT_EQ(unit.ecap, info.ecap_reg);
	/* A unit that runs this device has a stage, in scalable mode. */
	EXPECT_TRUE(!!ECAP_SMTS(info.ecap_reg));
	EXPECT_TRUE(ECAP_SSTS(info.ecap_reg) ||
		    ECAP_FSTS(info.ecap_reg));
}

/* A domain for PASIDs is one like any other; one for guests takes a unit that nests. */
TEST_F(host, hwpt_flags)
{
	const __u32 parent = IOMMU_HWPT_ALLOC_NEST_PARENT;
	struct host *host = &self->host;
	struct vtd_unit unit;
	unsigned int bit;

	ASSERT_EQ(0, vtd_read(&unit));
	EXPECT_EQ(0, hwpt_flags(host, 0));
	EXPECT_EQ(0, hwpt_flags(host, IOMMU_HWPT_ALLOC_PASID));
	EXPECT_EQ(ECAP_NEST(unit.ecap) ? 0 : -EOPNOTSUPP,
		  hwpt_flags(host, parent));
	for (bit = 4; bit < 32; bit++)
		EXPECT_EQ(-EOPNOTSUPP, hwpt_flags(host, BIT(bit))) {
			TH_LOG("flag %#lx", BIT(bit));
		}
}

/* Writes are tracked by a unit that can, in what was made for that. */
TEST_F(host, dirty_tracking)
{
	const __u32 parent = IOMMU_HWPT_ALLOC_NEST_PARENT;
	const __u32 dirty = IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	struct host *host = &self->host;
	struct vtd_unit unit;
	__u64 bitmap = 0;
	__u32 hwpt;
	int can;

	ASSERT_EQ(0, vtd_read(&unit));
	can = ECAP_SLADS(unit.ecap) ? 0 : -EOPNOTSUPP;
	EXPECT_EQ(can, hwpt_flags(host, dirty));
	EXPECT_EQ(can, hwpt_flags(host, dirty | IOMMU_HWPT_ALLOC_PASID));
	EXPECT_EQ(ECAP_NEST(unit.ecap) ? can : -EOPNOTSUPP,
		  hwpt_flags(host, dirty | parent));

	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					0, &hwpt));
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_set_dirty_tracking(host->fd, hwpt,
					     IOMMU_HWPT_DIRTY_TRACKING_ENABLE));
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_get_dirty_bitmap(host->fd, hwpt,
					   page_gpa(host, PAGE_A), 4096, 4096,
					   &bitmap));
	EXPECT_EQ(0, iommufd_destroy(host->fd, hwpt));
}

/* Where nothing nests nobody gets a nested page table, nor a vIOMMU. */
TEST_F(host, nesting_is_refused)
{
	struct iommu_hwpt_vtd_s1 data = { .addr_width = 48 };
	struct host *host = &self->host;
	struct vtd_unit unit;
	__u32 hwpt, nested;

	ASSERT_EQ(0, vtd_read(&unit));
	if (ECAP_NEST(unit.ecap))
		SKIP(return, "this unit nests");
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					0, &hwpt));
	EXPECT_EQ(-EINVAL,
		  iommufd_hwpt_alloc_data(host->fd, host->edu[0].dev, hwpt, 0,
					  IOMMU_HWPT_DATA_VTD_S1, &data,
					  sizeof(data), &nested));
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_hwpt_alloc_data(host->fd, host->edu[0].dev,
					  host->ioas, 0, IOMMU_HWPT_DATA_VTD_S1,
					  &data, sizeof(data), &nested));
	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_viommu_alloc(host->fd, host->edu[0].dev, hwpt,
				       IOMMU_VIOMMU_TYPE_ARM_SMMUV3, &nested));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0],
			       page_gpa(host, PAGE_A)));
}

/* What wants page requests takes no device that makes none, as QEMU's edu. */
TEST_F(host, page_requests)
{
	struct host *host = &self->host;
	__u32 fault, hwpt;
	int fault_fd;

	if (edu_extended(&host->edu[0]))
		SKIP(return, "this device makes page requests");
	ASSERT_EQ(0, iommufd_fault_alloc(host->fd, &fault, &fault_fd));
	ASSERT_EQ(0, iommufd_hwpt_alloc_fault(host->fd, host->edu[0].dev,
					      host->ioas, fault, &hwpt));
	EXPECT_EQ(-ENODEV, edu_attach(&host->edu[0], hwpt));
	/* It stays where it was. */
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0],
			       page_gpa(host, PAGE_A)));
	EXPECT_EQ(0, iommufd_destroy(host->fd, hwpt));
	EXPECT_EQ(0, close(fault_fd));
	EXPECT_EQ(0, iommufd_destroy(host->fd, fault));
}

/* As a device gets it from an IOAS, and as it takes what shall be a PASID's, too */
FIXTURE_VARIANT_ADD(hwpt, plain)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(hwpt, pasid)
{
	.flags = IOMMU_HWPT_ALLOC_PASID,
};

/* Interrupts are not translated: nobody maps anything for them. */
FIXTURE_VARIANT_ADD(msi, plain)
{
	.up = msi_up_plain,
};
