package model

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
)

// Answer asks for the completion of a prompt and an input, and returns the text.
func (c *Client) Answer(ctx context.Context, prompt, input string) (string, error) {
	body, err := c.chatBody(prompt, input)
	if err != nil {
		return "", err
	}
	answer, err := c.post(ctx, body)
	if err != nil {
		return "", err
	}
	if c.parse != nil {
		found, err := c.parse.Find(answer)
		if err != nil {
			return "", plugin.Permanent(fmt.Errorf("looking for custom_response_parse in the answer of %s: %w: %s", c, err, c.excerpt(answer)))
		}
		return firstText(found), nil
	}
	var found struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(answer, &found); err != nil || len(found.Choices) == 0 {
		return "", plugin.Permanent(fmt.Errorf("the answer of %s has no choices[0].message.content: %s", c, c.excerpt(answer)))
	}
	return found.Choices[0].Message.Content, nil
}

func (c *Client) chatBody(prompt, input string) ([]byte, error) {
	if c.body != nil {
		return c.customBody(prompt, []string{input})
	}
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	return encode(map[string]any{"model": c.model, "messages": []message{{"system", prompt}, {"user", input}}})
}

// firstText is a JSON text, or the only text of a list; anything else as it stands.
func firstText(raw []byte) string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil && len(list) == 1 {
		return list[0]
	}
	return string(raw)
}

// Embed returns one vector for each input.
func (c *Client) Embed(ctx context.Context, inputs []string) ([][]float32, error) {
	var body []byte
	var err error
	switch {
	case c.body != nil:
		body, err = c.customBody("", inputs)
	case c.provider == qianfan: // the model stands in the address
		body, err = encode(map[string]any{"input": inputs})
	default:
		body, err = encode(map[string]any{"model": c.model, "input": inputs})
	}
	if err != nil {
		return nil, err
	}
	answer, err := c.post(ctx, body)
	if err != nil {
		return nil, err
	}
	vectors, err := c.vectors(answer, len(inputs))
	if err != nil {
		return nil, plugin.Permanent(fmt.Errorf("the answer of %s: %w: %s", c, err, c.excerpt(answer)))
	}
	return vectors, nil
}

func (c *Client) vectors(answer []byte, n int) ([][]float32, error) {
	if c.parse != nil {
		found, err := c.parse.Find(answer)
		if err != nil {
			return nil, fmt.Errorf("looking for custom_response_parse: %w", err)
		}
		var out [][]float32
		if err := json.Unmarshal(found, &out); err != nil {
			var one []float32
			if json.Unmarshal(found, &one) != nil {
				return nil, fmt.Errorf("what custom_response_parse finds is no list of vectors: %w", err)
			}
			out = [][]float32{one}
		}
		if len(out) != n {
			return nil, fmt.Errorf("it has %d vectors for %d inputs", len(out), n)
		}
		return out, nil
	}
	var found struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return nil, fmt.Errorf("it has no data[].embedding: %w", err)
	}
	if len(found.Data) != n {
		return nil, fmt.Errorf("it has %d vectors for %d inputs", len(found.Data), n)
	}
	out := make([][]float32, n)
	for _, d := range found.Data {
		if d.Index < 0 || d.Index >= n || out[d.Index] != nil || d.Embedding == nil {
			return nil, fmt.Errorf("its data[].index are not 0 to %d, each with an embedding", n-1)
		}
		out[d.Index] = d.Embedding
	}
	return out, nil
}

// customBody fills the body of the job file in.
func (c *Client) customBody(prompt string, inputs []string) ([]byte, error) {
	return encode(c.fill(c.body, prompt, inputs))
}

func (c *Client) fill(v *hocon.Value, prompt string, inputs []string) any {
	switch v.Kind {
	case hocon.Object:
		out := make(map[string]any, len(v.Fields))
		for _, f := range v.Fields {
			out[f.Key] = c.fill(f.Value, prompt, inputs)
		}
		return out
	case hocon.List:
		if len(v.Items) == 1 && v.Items[0].Text == "${input}" {
			return inputs
		}
		out := make([]any, len(v.Items))
		for i, item := range v.Items {
			out[i] = c.fill(item, prompt, inputs)
		}
		return out
	case hocon.String:
		if v.Text == "${input}" && len(inputs) > 1 {
			return inputs
		}
		return strings.NewReplacer("${model}", c.model, "${prompt}", prompt, "${input}", strings.Join(inputs, "\n")).Replace(v.Text)
	}
	return json.RawMessage(hocon.JSON(v))
}

func encode(body any) ([]byte, error) {
	out, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("writing the request: %w", err)
	}
	return out, nil
}
