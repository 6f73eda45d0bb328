// SPDX-License-Identifier: GPL-2.0-only
/* Page requests: who asks for what, and the answers of user space. */

#define PRI_TIMEOUT_MS	2000

FIXTURE(vtd_pri)
{
	struct host host;
	struct edu *edu;
	__u64 *root;
	__u32 fault;
	int fd;
};

FIXTURE_SETUP(vtd_pri)
{
	struct host *host = &self->host;

	self->fd = -1;
	extended_up(_metadata, host);
	if (_metadata->exit_code)
		return;
	self->edu = &host->edu[0];
	ASSERT_EQ(0, iommufd_fault_alloc(host->fd, &self->fault, &self->fd));
}

FIXTURE_TEARDOWN(vtd_pri)
{
	host_down(&self->host);
	if (self->fd >= 0)
		close(self->fd);
}

/* The @num requests of a group, which are not to be read one by one, if they come */
static bool pri_next(struct __test_metadata *_metadata, int fd,
		     struct iommu_hwpt_pgfault *faults, unsigned int num)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	if (poll(&poll_fd, 1, PRI_TIMEOUT_MS) != 1)
		return false;
	ASSERT_EQ((ssize_t)(num * sizeof(*faults)),
		  read(fd, faults, num * sizeof(*faults)));
	return true;
}

static int pri_respond(int fd, __u32 cookie, __u32 code)
{
	struct iommu_hwpt_page_response response = {
		.cookie = cookie,
		.code = code,
	};

	return write(fd, &response, sizeof(response)) == sizeof(response) ?
		0 : -errno;
}

/* The code that the device gets for @group, or -ETIMEDOUT */
static int pri_answer(struct edu *edu, unsigned int group)
{
	unsigned int waited, seen;
	int code;

	for (waited = 0; waited < PRI_TIMEOUT_MS; waited += 10) {
		code = edu_answer(edu, &seen);
		if (code >= 0)
			return seen == group ? code : -EPROTO;
		usleep(10000);
	}
	return -ETIMEDOUT;
}

/* Asks for a page by @group, and answers. */
static void pri_round(struct __test_metadata *_metadata, struct edu *edu, int fd,
		      __u64 iova, __u32 pasid, unsigned int group)
{
	struct iommu_hwpt_pgfault fault;

	edu_set_mode(edu, pasid ? EDU_PASID(pasid) : 0);
	edu_ask(edu, iova, group, EDU_ASK_READ | EDU_ASK_WRITE | EDU_ASK_LAST);
	edu_set_mode(edu, 0);
	ASSERT_TRUE(pri_next(_metadata, fd, &fault, 1));
	EXPECT_EQ(iova, fault.addr);
	EXPECT_EQ(edu->dev, fault.dev_id);
	EXPECT_EQ(group, fault.grpid);
	EXPECT_EQ((__u32)(IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_WRITE),
		  fault.perm);
	EXPECT_EQ((__u32)(IOMMU_PGFAULT_FLAGS_LAST_PAGE |
			  (pasid ? IOMMU_PGFAULT_FLAGS_PASID_VALID : 0)),
		  fault.flags);
	EXPECT_EQ(pasid, fault.pasid);
	ASSERT_EQ(0, pri_respond(fd, fault.cookie, IOMMUFD_PAGE_RESP_SUCCESS));
	EXPECT_EQ(IOMMUFD_PAGE_RESP_SUCCESS, pri_answer(edu, group));
}

TEST_F(vtd_pri, answers)
{
	struct host *host = &self->host;
	struct iommu_hwpt_pgfault group[2];
	__u32 hwpt;

	ASSERT_EQ(0, iommufd_hwpt_alloc_fault(host->fd, self->edu->dev, host->ioas,
					      self->fault, &hwpt));
	ASSERT_EQ(0, edu_attach(self->edu, hwpt));
	EXPECT_EQ(PAGE_A, HITS(GPA(PAGE_A)));
	pri_round(_metadata, self->edu, self->fd, IOVA, 0, 3);
	pri_round(_metadata, self->edu, self->fd, IOVA, 0, 3);
	pri_round(_metadata, self->edu, self->fd, IOVA + GUEST_PAGE, 0, 511);

	/* A group of two requests, and a refusal */
	edu_ask(self->edu, IOVA, 4, EDU_ASK_READ);
	edu_ask(self->edu, IOVA + GUEST_PAGE, 4, EDU_ASK_READ | EDU_ASK_LAST);
	ASSERT_TRUE(pri_next(_metadata, self->fd, group, ARRAY_SIZE(group)));
	EXPECT_EQ(IOVA, group[0].addr);
	EXPECT_EQ(0U, group[0].flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE);
	EXPECT_EQ(IOVA + GUEST_PAGE, group[1].addr);
	EXPECT_EQ(-EINVAL, pri_respond(self->fd, group[1].cookie, 2));
	EXPECT_EQ(-EINVAL, pri_respond(self->fd, group[1].cookie + 1,
				       IOMMUFD_PAGE_RESP_INVALID));
	EXPECT_EQ(0, pri_respond(self->fd, group[1].cookie,
				 IOMMUFD_PAGE_RESP_INVALID));
	EXPECT_EQ(IOMMUFD_PAGE_RESP_INVALID, pri_answer(self->edu, 4));
}

/* A device may ask where somebody answers, and does not wait for ever if nobody did. */
TEST_F(vtd_pri, nobody)
{
	struct host *host = &self->host;
	__u32 hwpt;
	int code;

	edu_ask(self->edu, IOVA, 1, EDU_ASK_READ | EDU_ASK_LAST);
	EXPECT_EQ(-ETIMEDOUT, pri_answer(self->edu, 1));

	ASSERT_EQ(0, iommufd_hwpt_alloc_fault(host->fd, self->edu->dev, host->ioas,
					      self->fault, &hwpt));
	ASSERT_EQ(0, edu_attach(self->edu, hwpt));
	edu_ask(self->edu, IOVA, 2, EDU_ASK_READ | EDU_ASK_LAST);
	ASSERT_EQ(0, edu_attach(self->edu, host->ioas));
	code = pri_answer(self->edu, 2);
	EXPECT_TRUE(code == IOMMUFD_PAGE_RESP_INVALID || code == 15) {
		TH_LOG("answer %d", code);
	}
	edu_ask(self->edu, IOVA, 3, EDU_ASK_READ | EDU_ASK_LAST);
	EXPECT_EQ(-ETIMEDOUT, pri_answer(self->edu, 3));
}

/* Of a guest's tables, by the device itself and by PASID */
TEST_F(vtd_pri, of_a_guest)
{
	struct host *host = &self->host;
	struct iommu_hwpt_alloc cmd;
	struct iommu_hwpt_vtd_s1 data = { .addr_width = 48 };

	host_make_s2(_metadata, host, IOMMU_HWPT_ALLOC_PASID);
	if (_metadata->exit_code)
		return;
	self->root = new_table(_metadata, host);
	data.pgtbl_addr = guest_gpa(&host->ram, self->root);
	cmd = (struct iommu_hwpt_alloc){
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID,
		.dev_id = self->edu->dev,
		.pt_id = host->s2,
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
		.fault_id = self->fault,
	};
	ASSERT_EQ(0, ioctl(host->fd, IOMMU_HWPT_ALLOC, &cmd));
	ASSERT_EQ(0, edu_attach(self->edu, cmd.out_hwpt_id));
	pri_round(_metadata, self->edu, self->fd, IOVA, 0, 7);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	ASSERT_EQ(0, edu_attach_pasid(self->edu, PASID, cmd.out_hwpt_id));
	pri_round(_metadata, self->edu, self->fd, IOVA, PASID, 8);
	ASSERT_EQ(0, edu_detach_pasid(self->edu, PASID));
	ASSERT_EQ(0, edu_detach(self->edu));
}
