package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
	"seikan/engine/transform/jsonpath"
)

const (
	firstPause  = 500 * time.Millisecond
	mostPause   = 30 * time.Second
	mostAnswer  = 64 << 20 // bytes
	mostMessage = 300      // bytes of an answer shown in an error
)

// Client asks one service. It is safe for concurrent use.
type Client struct {
	task              Task
	provider, model   string
	url               string
	apiKey, secretKey string
	oauth             string
	retries           int
	http              *http.Client
	wait              func(ctx context.Context, d time.Duration) error

	parse   *jsonpath.Path // CUSTOM
	headers map[string]string
	body    *hocon.Value

	mu    sync.Mutex             // held while an access token is asked for
	token atomic.Pointer[string] // QIANFAN's access token, nil until asked for
}

// statusError is an answer that is no success.
type statusError struct {
	status int
	text   string
	after  time.Duration // Retry-After
}

func (e statusError) Error() string {
	return fmt.Sprintf("the service answered %d %s: %s", e.status, http.StatusText(e.status), e.text)
}

func (e statusError) retriable() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusRequestTimeout || e.status >= 500
}

// post sends body until it is answered, at most retries times more.
func (c *Client) post(ctx context.Context, body []byte) ([]byte, error) {
	pause := firstPause
	for try := 0; ; try++ {
		answer, err := c.once(ctx, body)
		if err == nil {
			return answer, nil
		}
		var status statusError
		answered := errors.As(err, &status)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case answered && !status.retriable(), errors.As(err, new(permanent)):
			return nil, plugin.Permanent(fmt.Errorf("asking %s at %s: %w", c, c.url, err))
		case try == c.retries:
			return nil, fmt.Errorf("asking %s at %s, %d times: %w", c, c.url, try+1, err)
		}
		if err := c.wait(ctx, max(pause, min(status.after, mostPause))); err != nil {
			return nil, err
		}
		pause = min(2*pause, mostPause)
	}
}

type permanent struct{ error }

func (c *Client) once(ctx context.Context, body []byte) ([]byte, error) {
	address := c.url
	if c.provider == qianfan {
		token, err := c.access(ctx)
		if err != nil {
			return nil, err
		}
		address += "/" + url.PathEscape(c.model) + "?access_token=" + url.QueryEscape(token)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, permanent{errors.New("the address cannot be used")}
	}
	req.Header.Set("Content-Type", "application/json")
	switch {
	case c.apiKey == "" || c.provider == qianfan || c.provider == custom:
	case c.provider == microsoft:
		req.Header.Set("api-key", c.apiKey)
	default:
		req.Header.Set("Authorization", "Bearer "+c.apiKey)
	}
	for name, value := range c.headers {
		req.Header.Set(name, value)
	}
	answer, err := c.do(req)
	if err == nil && c.provider == qianfan {
		err = c.qianfanError(answer)
	}
	return answer, err
}

// do sends a request and returns the body of a successful answer.
func (c *Client) do(req *http.Request) ([]byte, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, errors.New(c.hide(err.Error()))
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below; nothing can be lost
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(answer) > mostAnswer {
		return nil, permanent{fmt.Errorf("the answer is longer than %d MiB", mostAnswer>>20)}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // absent or a date: our own pause
		return nil, statusError{resp.StatusCode, c.excerpt(answer), time.Duration(max(seconds, 0)) * time.Second}
	}
	return answer, nil
}

// access returns QIANFAN's access token.
func (c *Client) access(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if token := c.token.Load(); token != nil {
		return *token, nil
	}
	query := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.apiKey}, "client_secret": {c.secretKey}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.oauth+"?"+query.Encode(), nil)
	if err != nil {
		return "", permanent{errors.New("the address of the tokens cannot be used")}
	}
	answer, err := c.do(req)
	if err != nil {
		return "", fmt.Errorf("getting an access token at %s: %w", c.oauth, err)
	}
	var found struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(answer, &found); err != nil || found.Token == "" {
		return "", permanent{fmt.Errorf("getting an access token at %s: there is none in the answer: %s", c.oauth, c.excerpt(answer))}
	}
	c.token.Store(&found.Token)
	return found.Token, nil
}

// qianfanError finds an error inside an answer of status 200. An expired token is forgotten.
func (c *Client) qianfanError(answer []byte) error {
	var found struct {
		Code int    `json:"error_code"`
		Text string `json:"error_msg"`
	}
	if json.Unmarshal(answer, &found) != nil || found.Code == 0 {
		return nil // what is not JSON shows when the result is looked for
	}
	err := fmt.Errorf("the service answered error %d: %s", found.Code, found.Text)
	switch found.Code {
	case 110, 111: // token invalid, expired
		c.token.Store(nil)
		return err
	case 2, 4, 18: // service unavailable, limits of requests
		return err
	}
	return permanent{err}
}

// excerpt is the beginning of an answer, fit for a message.
func (c *Client) excerpt(answer []byte) string {
	text := strings.ToValidUTF8(c.hide(string(answer)), "�")
	if len(text) > mostMessage {
		text = strings.ToValidUTF8(text[:mostMessage], "") + "…"
	}
	return strings.Join(strings.Fields(text), " ")
}

// hide takes secrets out of a message.
func (c *Client) hide(text string) string {
	secrets := []string{c.apiKey, c.secretKey}
	if token := c.token.Load(); token != nil {
		secrets = append(secrets, *token)
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "******")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "******")
		}
	}
	return text
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
