// SPDX-License-Identifier: GPL-2.0-only
/* What a device and its SMMU tell of themselves, before anything is attached. */

FIXTURE(host)
{
	struct host host;
};

FIXTURE_SETUP(host)
{
	host_up(_metadata, &self->host, 1);
}

FIXTURE_TEARDOWN(host)
{
	host_down(&self->host);
}

TEST_F(host, hw_info)
{
	struct host *host = &self->host;
	struct iommu_hw_info_arm_smmuv3 info;
	struct iommu_hw_info cmd = { 0 };
	const __u32 *idr = info.idr;

	ASSERT_EQ(0, iommufd_hw_info(host->fd, host->edu[0].dev, &cmd, &info));
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

TEST_F(host, hw_info_capabilities)
{
	struct host *host = &self->host;
	struct iommu_hw_info_arm_smmuv3 info;
	struct iommu_hw_info cmd = { 0 };
	__u32 hwpt;
	bool dirty;

	ASSERT_EQ(0, iommufd_hw_info(host->fd, host->edu[0].dev, &cmd, &info));
	dirty = IDR0_HTTU(info.idr[0]) == 2;
	EXPECT_EQ(dirty, !!(cmd.out_capabilities & IOMMU_HW_CAP_DIRTY_TRACKING));
	EXPECT_EQ(dirty ? 0 : -EOPNOTSUPP,
		  iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
				     IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt));
	/* edu is a conventional PCI function: it has neither ATS nor PASID. */
	EXPECT_TRUE(!!(cmd.out_capabilities &
		       IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED));
	EXPECT_EQ(0U, cmd.out_max_pasid_log2);
}

TEST_F(host, hw_info_types)
{
	static const struct {
		__u32 type;
		int rc;
	} cases[] = {
		{ IOMMU_HW_INFO_TYPE_DEFAULT, 0 },
		{ IOMMU_HW_INFO_TYPE_ARM_SMMUV3, 0 },
		{ IOMMU_HW_INFO_TYPE_INTEL_VTD, -EOPNOTSUPP },
		{ IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV, -EOPNOTSUPP },
		{ IOMMU_HW_INFO_TYPE_AMD, -EOPNOTSUPP },
		{ 0x7fffffff, -EOPNOTSUPP },
	};
	struct host *host = &self->host;
	struct iommu_hw_info_arm_smmuv3 info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct iommu_hw_info cmd = {
			.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
			.in_data_type = cases[i].type,
		};

		EXPECT_EQ(cases[i].rc,
			  iommufd_hw_info(host->fd, host->edu[0].dev, &cmd,
					  &info)) {
			TH_LOG("hw_info type %u", cases[i].type);
		}
		if (!cases[i].rc)
			EXPECT_EQ((__u32)IOMMU_HW_INFO_TYPE_ARM_SMMUV3,
				  cmd.out_data_type);
	}
}

/* The MSI doorbell's window belongs to the host, whatever is attached. */

TEST_F(host, msi_window_is_reserved)
{
	struct host *host = &self->host;
	struct iommu_iova_range ranges[16];
	__u32 num = ARRAY_SIZE(ranges);
	__u64 align;
	__u32 i;

	ASSERT_EQ(0, iommufd_ioas_ranges(host->fd, host->ioas, ranges, &num,
					 &align));
	for (i = 0; i < num; i++)
		EXPECT_TRUE(ranges[i].last < MSI_WINDOW ||
			    ranges[i].start > MSI_WINDOW_END) {
			TH_LOG("%#llx to %#llx is said to be free",
			       ranges[i].start, ranges[i].last);
		}
	EXPECT_EQ(-EINVAL, iommufd_ioas_map(host->fd, host->ioas,
					    host->page[0], GUEST_PAGE,
					    MSI_WINDOW));
	EXPECT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[0],
				      GUEST_PAGE, MSI_WINDOW - GUEST_PAGE));
	EXPECT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[0],
				      GUEST_PAGE, MSI_WINDOW_END + 1));
}

static int hwpt_flags(struct host *host, __u32 flags)
{
	__u32 hwpt;
	int rc;

	rc = iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas, flags,
				&hwpt);
	if (!rc)
		rc = iommufd_destroy(host->fd, hwpt);
	return rc;
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
