// SPDX-License-Identifier: GPL-2.0-only
/* What an SMMU tells of itself, and what one has to say for a page table. */

TEST_F(host, hw_info)
{
	struct host *host = &self->host;
	struct iommu_hw_info_arm_smmuv3 info;
	struct iommu_hw_info cmd = { 0 };
	const __u32 *idr = info.idr;

	ASSERT_EQ(0, iommufd_hw_info(host->fd, host->edu[0].dev, &cmd, &info,
				     sizeof(info)));
	EXPECT_EQ((__u32)IOMMU_HW_INFO_TYPE_ARM_SMMUV3, cmd.out_data_type);
	EXPECT_EQ(sizeof(info), cmd.data_len);

	/* An SMMU that runs this device has a stage, AArch64 tables, a granule. */
	EXPECT_TRUE(IDR0_S1P(idr[0]) || IDR0_S2P(idr[0]));
	EXPECT_TRUE(!!(IDR0_TTF(idr[0]) & 2));
	EXPECT_TRUE(IDR5_GRAN4K(idr[5]) || IDR5_GRAN16K(idr[5]) ||
		    IDR5_GRAN64K(idr[5]));
	EXPECT_GE(32ULL, IDR1_SIDSIZE(idr[1]));
	EXPECT_GE(20ULL, IDR1_SSIDSIZE(idr[1]));
	/* Where CDs have no substreams they have no second level either. */
	if (!IDR1_SSIDSIZE(idr[1]))
		EXPECT_EQ(0U, cmd.out_max_pasid_log2);
}

TEST_F(host, hwpt_flags)
{
	const __u32 parent = IOMMU_HWPT_ALLOC_NEST_PARENT;
	struct host *host = &self->host;
	unsigned int bit;

	EXPECT_EQ(0, hwpt_flags(host, 0));
	EXPECT_EQ(0, hwpt_flags(host, parent));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_flags(host, parent |
					  IOMMU_HWPT_FAULT_ID_VALID));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_flags(host, parent |
					  IOMMU_HWPT_ALLOC_PASID));
	for (bit = 4; bit < 32; bit++)
		EXPECT_EQ(-EOPNOTSUPP, hwpt_flags(host, BIT(bit))) {
			TH_LOG("flag %#lx", BIT(bit));
		}
}

TEST_F(host, hwpt_takes_no_data)
{
	struct iommu_hwpt_arm_smmuv3 data = { 0 };
	struct host *host = &self->host;
	__u32 hwpt;

	EXPECT_EQ(-EOPNOTSUPP,
		  iommufd_hwpt_alloc_data(host->fd, host->edu[0].dev,
					  host->ioas,
					  IOMMU_HWPT_ALLOC_NEST_PARENT,
					  IOMMU_HWPT_DATA_ARM_SMMUV3, &data,
					  sizeof(data), &hwpt));
	EXPECT_EQ(-EINVAL,
		  iommufd_hwpt_alloc_data(host->fd, host->edu[0].dev,
					  host->ioas, 0, IOMMU_HWPT_DATA_NONE,
					  &data, sizeof(data), &hwpt));
}

/* Stage 1, as a device gets it from an IOAS; stage 2, as it carries a guest. */
FIXTURE_VARIANT_ADD(hwpt, stage1)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(hwpt, stage2)
{
	.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
};
