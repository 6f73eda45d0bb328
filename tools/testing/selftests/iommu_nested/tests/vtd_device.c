// SPDX-License-Identifier: GPL-2.0-only
/* What devices of PCI Express do: requests with PASIDs, and caches of their own. */

#define PASID		5
#define NO_EXTENSIONS	"edu is a conventional PCI function here"

FIXTURE(vtd_device)
{
	struct host host;
	struct edu *edu;
	__u64 *root;
	__u32 plain;			/* what a device with PASIDs can have itself */
};

/* A host with one device, which is of PCI Express. */
static void extended_up(struct __test_metadata *_metadata, struct host *host)
{
	host_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	if (!edu_extended(&host->edu[0]))
		SKIP(return, NO_EXTENSIONS);
	edu_set_mode(&host->edu[0], 0);
}

FIXTURE_SETUP(vtd_device)
{
	struct host *host = &self->host;

	extended_up(_metadata, host);
	if (_metadata->exit_code)
		return;
	self->edu = &host->edu[0];
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, self->edu->dev, host->ioas,
					IOMMU_HWPT_ALLOC_PASID, &self->plain));
	ASSERT_EQ(0, edu_attach(self->edu, self->plain));
}

FIXTURE_TEARDOWN(vtd_device)
{
	if (self->edu)
		edu_set_mode(self->edu, 0);
	host_down(&self->host);
}

static unsigned long hits_by(struct __test_metadata *_metadata, struct host *host,
			     struct edu *edu, __u32 mode, __u64 iova)
{
	unsigned long mask;

	edu_set_mode(edu, mode);
	mask = hits(_metadata, host, edu, iova);
	edu_set_mode(edu, 0);
	return mask;
}

#define HITS_BY(mode, iova) \
	hits_by(_metadata, &self->host, self->edu, mode, iova)

/* An IOAS of its own for a PASID: PAGE_B is at IOVA. */
static void space_of_b(struct __test_metadata *_metadata, struct host *host,
		       __u32 *ioas, __u32 *hwpt)
{
	ASSERT_EQ(0, iommufd_ioas_alloc(host->fd, ioas));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, *ioas, host->page[1], GUEST_PAGE,
				      IOVA));
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, *ioas,
					IOMMU_HWPT_ALLOC_PASID, hwpt));
}

TEST_F(vtd_device, pasid)
{
	struct host *host = &self->host;
	__u32 ioas, hwpt;

	space_of_b(_metadata, host, &ioas, &hwpt);
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(PASID), IOVA));
	ASSERT_EQ(0, edu_attach_pasid(self->edu, PASID, hwpt));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_PASID(PASID), IOVA));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(PASID + 1), IOVA));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(PASID), GPA(PAGE_A)));
	/* In suite vtd-vm this is a guest, and its host looks at it now and then. */
	sleep(1);
	/* The device's own goes on. */
	EXPECT_EQ(PAGE_A, HITS_BY(0, GPA(PAGE_A)));
	EXPECT_EQ(NOWHERE, HITS_BY(0, IOVA));

	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, ioas, IOVA, GUEST_PAGE));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(PASID), IOVA));
	/* In the place of the other, and for a second PASID */
	ASSERT_EQ(0, edu_attach_pasid(self->edu, PASID, self->plain));
	EXPECT_EQ(PAGE_C, HITS_BY(EDU_PASID(PASID), GPA(PAGE_C)));
	ASSERT_EQ(0, edu_attach_pasid(self->edu, 1000, self->plain));
	EXPECT_EQ(PAGE_D, HITS_BY(EDU_PASID(1000), GPA(PAGE_D)));
	ASSERT_EQ(0, edu_detach_pasid(self->edu, PASID));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(PASID), GPA(PAGE_C)));
	EXPECT_EQ(PAGE_D, HITS_BY(EDU_PASID(1000), GPA(PAGE_D)));
	ASSERT_EQ(0, edu_detach_pasid(self->edu, 1000));
	EXPECT_EQ(PAGE_A, HITS_BY(0, GPA(PAGE_A)));
}

TEST_F(vtd_device, pasid_refusals)
{
	struct host *host = &self->host;
	__u32 hwpt;

	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, self->edu->dev, host->ioas, 0,
					&hwpt));
	/* Not made for PASIDs, and no PASID of the unit's */
	EXPECT_EQ(-EINVAL, edu_attach_pasid(self->edu, PASID, hwpt));
	EXPECT_GT(0, edu_attach_pasid(self->edu, BIT(20) - 1, self->plain));
	EXPECT_GT(0, edu_attach_pasid(self->edu, BIT(15), self->plain));
	ASSERT_EQ(0, edu_attach_pasid(self->edu, BIT(15) - 1, self->plain));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_PASID(BIT(15) - 1), GPA(PAGE_A)));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(BIT(15)), GPA(PAGE_A)));
}

/* A guest's table for a PASID, as for the device itself */
TEST_F(vtd_device, nested_pasid)
{
	struct host *host = &self->host;
	__u32 hwpt;

	host_make_s2(_metadata, host, IOMMU_HWPT_ALLOC_PASID);
	if (_metadata->exit_code)
		return;
	self->root = new_table(_metadata, host);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	ASSERT_EQ(0, s1_alloc_flags(host, self->root, IOMMU_HWPT_ALLOC_PASID,
				    &hwpt));
	ASSERT_EQ(0, edu_attach_pasid(self->edu, PASID, hwpt));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_PASID(PASID), IOVA));
	EXPECT_EQ(NOWHERE, HITS_BY(0, IOVA));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(PASID + 1), IOVA));

	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_PASID(PASID), IOVA));
	ASSERT_EQ(0, s1_flush(host, hwpt, IOVA, 1, 0));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_PASID(PASID), IOVA));

	/* Also for the device, and then for that only */
	ASSERT_EQ(0, edu_attach(self->edu, hwpt));
	EXPECT_EQ(PAGE_B, HITS_BY(0, IOVA));
	ENTRY(IOVA, 0) = GPA(PAGE_C) | FL_PAGE;
	ASSERT_EQ(0, s1_flush(host, hwpt, 0, ~0ULL, 0));
	EXPECT_EQ(PAGE_C, HITS_BY(0, IOVA));
	EXPECT_EQ(PAGE_C, HITS_BY(EDU_PASID(PASID), IOVA));
	ASSERT_EQ(0, edu_attach_pasid(self->edu, PASID, host->s2));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(PASID), IOVA));
	EXPECT_EQ(PAGE_D, HITS_BY(EDU_PASID(PASID), GPA(PAGE_D)));
	ASSERT_EQ(0, edu_detach_pasid(self->edu, PASID));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(PASID), GPA(PAGE_D)));
	EXPECT_EQ(PAGE_C, HITS_BY(0, IOVA));
}

/* What a device has translated itself is as much out of date as what the unit has. */
TEST_F(vtd_device, own_translations)
{
	struct host *host = &self->host;
	__u32 ioas, hwpt;

	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN, GPA(PAGE_A)));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[2],
				      GUEST_PAGE, IOVA));
	EXPECT_EQ(PAGE_C, HITS_BY(EDU_OWN, IOVA));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, IOVA, GUEST_PAGE));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN, IOVA));

	space_of_b(_metadata, host, &ioas, &hwpt);
	ASSERT_EQ(0, edu_attach_pasid(self->edu, PASID, hwpt));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_OWN | EDU_PASID(PASID), IOVA));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN, IOVA));
	ASSERT_EQ(0, edu_attach_pasid(self->edu, PASID, self->plain));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN | EDU_PASID(PASID), IOVA));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN | EDU_PASID(PASID), GPA(PAGE_A)));
	ASSERT_EQ(0, edu_detach_pasid(self->edu, PASID));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN | EDU_PASID(PASID), GPA(PAGE_A)));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN, GPA(PAGE_A)));
	ASSERT_EQ(0, edu_detach(self->edu));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN, GPA(PAGE_A)));
}

/* The guest invalidates its table: the device's cache goes with that. */
TEST_F(vtd_device, own_translations_of_a_guest)
{
	struct host *host = &self->host;
	__u32 hwpt;

	host_make_s2(_metadata, host, 0);
	if (_metadata->exit_code)
		return;
	self->root = new_table(_metadata, host);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	ASSERT_EQ(0, s1_alloc(host, self->root, &hwpt));
	EXPECT_EQ(PAGE_D, HITS_BY(EDU_OWN, GPA(PAGE_D)));
	ASSERT_EQ(0, edu_attach(self->edu, hwpt));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN, GPA(PAGE_D)));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN, IOVA));
	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN, IOVA));
	ASSERT_EQ(0, s1_flush(host, hwpt, IOVA, 1, IOMMU_VTD_INV_FLAGS_LEAF));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_OWN, IOVA));
	/* The host takes the memory. */
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, GUEST_GPA,
					GUEST_SIZE));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN, IOVA));
}

/* A reset forgets what the device has, and that is all of it. */
TEST_F(vtd_device, reset)
{
	struct host *host = &self->host;

	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN, GPA(PAGE_A)));
	ASSERT_EQ(0, edu_reset(self->edu));
	ASSERT_EQ(0, edu_enable(self->edu));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN, GPA(PAGE_A)));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, GUEST_GPA,
					GUEST_SIZE));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN, GPA(PAGE_A)));
}
