package s3

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

// credentialsOf tries the sources of the configuration in order. (The SDK's own chain would link
// its clients for SSO and STS too.)
func credentialsOf(c Config) aws.CredentialsProvider {
	var list chain
	for _, source := range c.Providers {
		switch source {
		case sourceStatic:
			list = append(list, credentials.NewStaticCredentialsProvider(c.Access, c.Secret, c.Token))
		case sourceEnvironment:
			list = append(list, aws.CredentialsProviderFunc(fromEnvironment))
		case sourceContainer:
			if p := fromContainer(); p != nil {
				list = append(list, p)
			}
		case sourceInstance:
			if !strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
				list = append(list, ec2rolecreds.New())
			}
		case sourceAnonymous:
			return aws.AnonymousCredentials{}
		}
	}
	return aws.NewCredentialsCache(list)
}

type chain []aws.CredentialsProvider

var errNoCredentials = errors.New("no credentials were found")

func (c chain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	err := errNoCredentials
	for _, p := range c {
		found, perr := p.Retrieve(ctx)
		if perr == nil && found.HasKeys() {
			return found, nil
		}
		if perr != nil {
			err = fmt.Errorf("%w; %w", err, perr)
		}
	}
	return aws.Credentials{}, err
}

func fromEnvironment(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN"), Source: sourceEnvironment}
	if !c.HasKeys() {
		return c, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	return c, nil
}

// fromContainer asks the agent of ECS or EKS, where there is one.
func fromContainer() aws.CredentialsProvider {
	url := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if path := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); path != "" {
		url = "http://169.254.170.2" + path
	}
	if url == "" {
		return nil
	}
	return endpointcreds.New(url, func(o *endpointcreds.Options) {
		o.AuthorizationToken = os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				b, err := os.ReadFile(file)
				return string(b), err
			})
		}
	})
}
