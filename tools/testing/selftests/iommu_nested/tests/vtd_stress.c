// SPDX-License-Identifier: GPL-2.0-only
/* Page tables come and go beside the live one, while its mappings change. */

static void *stress_objects(void *arg)
{
	struct stress_job *job = arg;
	struct host *host = job->vm->host;
	__u32 hwpt;

	while (stress_goes_on(job)) {
		job->rc = iommufd_hwpt_alloc(host->fd, job->vm->edu->dev,
					     host->ioas, 0, &hwpt);
		if (!job->rc)
			job->rc = iommufd_destroy(host->fd, hwpt);
		job->rounds++;
	}
	return NULL;
}

TEST_F_TIMEOUT(stress, everything_at_once, 120)
{
	static void *(*const work[])(void *) = {
		stress_map, stress_attach, stress_objects, stress_objects,
	};
	struct vm *vm = &self->vm;
	struct stress_job job = { .vm = vm, .scratch = self->scratch };

	ASSERT_EQ(0, iommufd_hwpt_alloc(self->host.fd, vm->edu->dev,
					self->host.ioas, 0, &job.other));
	stress_run(_metadata, &job, work, ARRAY_SIZE(work));
}
