// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA that the unit refuses: the kernel's log has the device, the address, and
 * what it wanted there.
 */

/* After so long without faults none is left out of the log. */
#define FAULT_QUIET_S		6
#define FAULT_WAIT_MS		1000

FIXTURE(vtd_fault)
{
	struct host host;
	int log;
};

FIXTURE_SETUP(vtd_fault)
{
	self->log = -1;
	host_up(_metadata, &self->host, 1);
	if (_metadata->exit_code)
		return;
	sleep(FAULT_QUIET_S);
	self->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ASSERT_LE(0, self->log);
	ASSERT_LE(0, lseek(self->log, 0, SEEK_END));
}

FIXTURE_TEARDOWN(vtd_fault)
{
	if (self->log >= 0)
		close(self->log);
	host_down(&self->host);
}

/* A line about a device's access to @iova, with a reason for its end */
static bool fault_is_logged(int log, const struct edu *edu, __u64 iova,
			    const char *access)
{
	char line[1024], source[32], address[32], requester[16];
	const char *reason;
	int waited = 0;
	ssize_t len;

	if (pci_requester(edu->bdf, requester))
		return false;
	snprintf(source, sizeof(source), " sid=%s ", requester);
	snprintf(address, sizeof(address), " iova=%#llx ", iova);
	while (waited < FAULT_WAIT_MS) {
		len = read(log, line, sizeof(line) - 1);
		if (len < 0) {
			usleep(10000);
			waited += 10;
			continue;
		}
		line[len] = '\0';
		if (!strstr(line, source) || !strstr(line, address))
			continue;
		reason = strstr(line, access);
		return reason && !strncmp(reason + strlen(access), ": ", 2);
	}
	return false;
}

TEST_F(vtd_fault, nothing_mapped)
{
	struct host *host = &self->host;
	struct edu *edu = &host->edu[0];

	ASSERT_EQ(NOWHERE, hits(_metadata, host, edu, IOVA));
	EXPECT_TRUE(fault_is_logged(self->log, edu, IOVA, " write"));
	ASSERT_EQ(0, load(edu, IOVA + GUEST_PAGE, 8));
	EXPECT_TRUE(fault_is_logged(self->log, edu, IOVA + GUEST_PAGE, " read"));
}

TEST_F(vtd_fault, read_only)
{
	struct host *host = &self->host;
	struct edu *edu = &host->edu[0];

	ASSERT_EQ(0, iommufd_ioas_map_prot(host->fd, host->ioas, host->page[0],
					   GUEST_PAGE, IOVA,
					   IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(NOWHERE, hits(_metadata, host, edu, IOVA));
	EXPECT_TRUE(fault_is_logged(self->log, edu, IOVA, " write"));
}

TEST_F(vtd_fault, nothing_attached)
{
	struct host *host = &self->host;
	struct edu *edu = &host->edu[0];

	ASSERT_EQ(0, edu_detach(edu));
	ASSERT_EQ(NOWHERE, hits(_metadata, host, edu, page_gpa(host, PAGE_A)));
	EXPECT_TRUE(fault_is_logged(self->log, edu, page_gpa(host, PAGE_A),
				    " write"));
}
