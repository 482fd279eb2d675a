// Package model speaks HTTP to services that run language models: any OpenAI-compatible
// endpoint, and services of another shape described in the job file.
package model

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"seikan/engine/option"
	"seikan/engine/transform/jsonpath"
)

// Task is what a service is asked for.
type Task string

// The tasks.
const (
	Chat       Task = "chat"
	Embeddings Task = "embeddings"
)

const (
	openAI    = "OPENAI"
	doubao    = "DOUBAO"
	qianfan   = "QIANFAN"
	kimi      = "KIMIAI"
	microsoft = "MICROSOFT"
	custom    = "CUSTOM"
	local     = "LOCAL"
)

// paths are where the providers serve a task, unless api_path says otherwise.
var paths = map[Task]map[string]string{
	Chat: {
		openAI: "https://api.openai.com/v1/chat/completions",
		doubao: "https://ark.cn-beijing.volces.com/api/v3/chat/completions",
		kimi:   "https://api.moonshot.cn/v1/chat/completions",
	},
	Embeddings: {
		openAI:  "https://api.openai.com/v1/embeddings",
		doubao:  "https://ark.cn-beijing.volces.com/api/v3/embeddings",
		qianfan: "https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop/embeddings",
	},
}

const oauthPath = "https://aip.baidubce.com/oauth/2.0/token"

// Options are those every transform with a model has.
var Options = []option.Option{
	{Key: "model_provider", Type: option.Enum, Choices: []string{openAI, doubao, qianfan, kimi, microsoft, custom, local}, Doc: "Who runs the model. OPENAI with `api_path` fits every OpenAI-compatible service; LOCAL is one without a key; CUSTOM is described by `custom_config`."},
	{Key: "model", Type: option.String, Doc: "Name of the model.", Example: "gpt-4o-mini"},
	{Key: "api_key", Type: option.String, Sensitive: true, Doc: "Key of the service; none is sent when it is absent."},
	{Key: "secret_key", Type: option.String, Sensitive: true, Doc: "Second key, QIANFAN only."},
	{Key: "api_path", Type: option.String, Old: []string{"openai.api_path"}, Doc: "Full address of the service; has a default for OPENAI, DOUBAO, KIMIAI (chat) and QIANFAN (embeddings)."},
	{Key: "oauth_path", Type: option.String, Default: oauthPath, Doc: "Where QIANFAN gives access tokens."},
	{Key: "process_batch_size", Type: option.Int, Default: int64(100), Min: 1, Max: 4096, Old: []string{"inference_batch_size"}, Doc: "Most rows that are sent in one request."},
	{Key: "request_concurrency", Type: option.Int, Default: int64(4), Min: 1, Max: 64, Doc: "Requests under way at a time, per subtask. Seikan's own option."},
	{Key: "request_timeout_ms", Type: option.Int, Default: int64(120000), Min: 1, Max: 3600000, Doc: "Longest wait for an answer, in milliseconds. Seikan's own option."},
	{Key: "request_retries", Type: option.Int, Default: int64(5), Min: 0, Max: 100, Doc: "How often a request is tried again after 429, 5xx or a broken connection, with growing pauses. Seikan's own option."},
	{Key: "custom_config", Type: option.Object, Doc: "Shape of a CUSTOM service.", Rules: []option.Rule{option.Required("custom_response_parse", "custom_request_body")},
		Fields: []option.Option{
			{Key: "custom_response_parse", Type: option.String, Doc: "JsonPath to the result in the answer.", Example: "$.choices[*].message.content"},
			{Key: "custom_request_headers", Type: option.Map, Sensitive: true, Doc: "Headers of the request."},
			{Key: "custom_request_body", Type: option.Any, Doc: "Body of the request; in its texts ${model}, ${prompt} and ${input} are replaced. A list that holds just \"${input}\" becomes the list of inputs."},
		}},
}

// Rules go with Options.
var Rules = []option.Rule{
	option.Required("model_provider", "model"),
	option.RequiredIf("model_provider", []string{custom}, "custom_config", "api_path"),
	option.RequiredIf("model_provider", []string{microsoft, local}, "api_path"),
	option.RequiredIf("model_provider", []string{qianfan}, "api_key", "secret_key"),
}

// Open makes a client from the options of a transform. It does not connect.
func Open(task Task, opts *option.Values) (*Client, error) {
	c := &Client{
		task: task, provider: opts.String("model_provider"), model: opts.String("model"),
		apiKey: opts.String("api_key"), secretKey: opts.String("secret_key"), oauth: opts.String("oauth_path"),
		retries: int(opts.Int("request_retries")), wait: sleep,
		http: &http.Client{Timeout: time.Duration(opts.Int("request_timeout_ms")) * time.Millisecond},
	}
	if c.url = opts.String("api_path"); c.url == "" {
		c.url = paths[task][c.provider]
	}
	if c.provider == qianfan && task == Chat {
		return nil, opts.Problem("model_provider", "OPENAI with api_path", "QIANFAN gives embeddings only; its OpenAI-compatible chat service is reached with OPENAI and api_path")
	}
	if c.url == "" {
		return nil, opts.Problem("model_provider", "give api_path too", "%s has no default address for %s", c.provider, task)
	}
	for key, address := range map[string]string{"api_path": c.url, "oauth_path": c.oauth} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, opts.Problem(key, "http:// or https:// and a host", "%q is no address", address)
		}
	}
	if c.provider != custom {
		return c, nil
	}
	shape := opts.Object("custom_config")
	var err error
	if c.parse, err = jsonpath.Parse(shape.String("custom_response_parse")); err != nil {
		return nil, shape.Problem("custom_response_parse", "a JSONPath", "%v", err)
	}
	c.headers = map[string]string{}
	for _, h := range shape.Map("custom_request_headers") {
		if strings.ContainsAny(h.Key+h.Value, "\r\n") {
			return nil, shape.Problem("custom_request_headers", "text of one line", "header %q holds a line break", h.Key)
		}
		c.headers[h.Key] = h.Value
	}
	c.body = shape.Tree("custom_request_body")
	return c, nil
}

func (c *Client) String() string { return fmt.Sprintf("%s model %s", c.provider, c.model) }
