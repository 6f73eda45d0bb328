// SPDX-License-Identifier: GPL-2.0-only
/* What a device and its IOMMU tell of themselves. */

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

/* The structure of the IOMMU that there is, and of no other. */
TEST_F(host, hw_info_types)
{
	static const __u32 types[] = {
		IOMMU_HW_INFO_TYPE_DEFAULT, IOMMU_HW_INFO_TYPE_ARM_SMMUV3,
		IOMMU_HW_INFO_TYPE_INTEL_VTD, IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV,
		IOMMU_HW_INFO_TYPE_AMD, 0x7fffffff,
	};
	struct host *host = &self->host;
	__u64 info[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		bool known = types[i] == IOMMU_HW_INFO_TYPE_DEFAULT ||
			     types[i] == HW_INFO_TYPE;
		struct iommu_hw_info cmd = {
			.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
			.in_data_type = types[i],
		};

		EXPECT_EQ(known ? 0 : -EOPNOTSUPP,
			  iommufd_hw_info(host->fd, host->edu[0].dev, &cmd,
					  info, sizeof(info))) {
			TH_LOG("hw_info type %u", types[i]);
		}
		if (known)
			EXPECT_EQ((__u32)HW_INFO_TYPE, cmd.out_data_type);
	}
}

TEST_F(host, hw_info_capabilities)
{
	struct host *host = &self->host;
	HW_INFO info;
	struct iommu_hw_info cmd = { 0 };
	__u32 hwpt;
	bool dirty;

	ASSERT_EQ(0, iommufd_hw_info(host->fd, host->edu[0].dev, &cmd, &info,
				     sizeof(info)));
	dirty = tracks_dirty(&info);
	EXPECT_EQ(dirty, !!(cmd.out_capabilities & IOMMU_HW_CAP_DIRTY_TRACKING));
	EXPECT_EQ(dirty ? 0 : -EOPNOTSUPP,
		  iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
				     IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt));
	/* QEMU's edu is a conventional PCI function: it has neither ATS nor PASID. */
	EXPECT_EQ(!edu_extended(&host->edu[0]),
		  !!(cmd.out_capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED));
	EXPECT_EQ(edu_extended(&host->edu[0]), cmd.out_max_pasid_log2 != 0);
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

/* Everybody can read so, too. */
TEST_F(host, reserved_regions)
{
	bool found = false;
	char path[64], type[32];
	__u64 start, end;
	FILE *f;

	snprintf(path, sizeof(path),
		 "/sys/kernel/iommu_groups/%d/reserved_regions",
		 pci_iommu_group(self->host.edu[0].bdf));
	f = fopen(path, "re");
	ASSERT_NE(NULL, f);
	while (fscanf(f, "%llx %llx %31s", &start, &end, type) == 3)
		if (start == MSI_WINDOW && end == MSI_WINDOW_END) {
			EXPECT_STREQ("msi", type);
			found = true;
		}
	fclose(f);
	EXPECT_TRUE(found);
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
