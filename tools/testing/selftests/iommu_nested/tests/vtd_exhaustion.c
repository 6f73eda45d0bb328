// SPDX-License-Identifier: GPL-2.0-only
/* DIDs, which what something was attached to has as long as it is there. */

TEST_F_TIMEOUT(exhaustion, attached_hwpt, 300)
{
	struct host *host = &self->host;
	struct edu *edu = &host->edu[0];
	__u32 hwpt, old = 0;
	int i;

	for (i = 0; i < EXHAUSTION_ROUNDS; i++) {
		ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, edu->dev, self->ioas,
						0, &hwpt));
		ASSERT_EQ(0, edu_attach(edu, hwpt)) {
			TH_LOG("page table number %d", i);
		}
		if (old)
			ASSERT_EQ(0, iommufd_destroy(host->fd, old));
		old = hwpt;
	}
}
