package rest_test

import (
	"context"
	"errors"

	"seikan/web/rest"
	"seikan/web/rest/resttest"
)

// refusing takes no jobs, so that many bodies do not fill its store.
type refusing struct{ *resttest.Backend }

func (*refusing) Submit(context.Context, rest.Submission) (string, error) {
	return "", errors.New("no job is taken")
}
