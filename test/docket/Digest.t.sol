// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Docket} from "../../contracts/Docket.sol";
import {Epoch, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Header} from "../../contracts/types/Report.sol";
import {Seated} from "./Seated.sol";

contract DigestTest is Seated {
    string internal json;

    function setUp() public {
        foundSeats(4, 0);
        json = vm.readFile(string.concat(vm.projectRoot(), "/vectors/report.json"));
    }

    function numberAt(string memory at, string memory field) internal view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(at, field));
    }

    function wordAt(string memory at, string memory field) internal view returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(at, field));
    }

    function test_R7_3_vectors() public {
        bytes memory code = address(docket).code;
        uint256 count;
        for (; vm.keyExistsJson(json, string.concat(".reports[", vm.toString(count), "]")); ++count) {
            string memory at = string.concat(".reports[", vm.toString(count), "]");
            address place = vm.parseJsonAddress(json, string.concat(at, ".docket"));
            vm.etch(place, code);
            vm.chainId(numberAt(at, ".chainId"));
            Header head = Header.wrap(uint256(wordAt(at, ".header")));
            bytes32 payload = keccak256(vm.parseJsonBytes(json, string.concat(at, ".payload")));

            bytes32 given =
                Docket(place).digest(head, wordAt(at, ".parent"), wordAt(at, ".envelopes"), payload);

            vm.assertEq(given, wordAt(at, ".digest"), "R7.3: one digest in every language");
            fieldsAgree(at, head);
        }
        vm.assertGe(count, 6, "the vectors are there");
    }

    function fieldsAgree(string memory at, Header head) internal view {
        string memory law = "R7.3: every field where it belongs";
        vm.assertEq(SubcontractId.unwrap(head.subcontract()), numberAt(at, ".subcontract"), law);
        vm.assertEq(StreamId.unwrap(head.stream()), numberAt(at, ".stream"), law);
        vm.assertEq(Epoch.unwrap(head.epoch()), numberAt(at, ".epoch"), law);
        vm.assertEq(head.attempt(), numberAt(at, ".attempt"), law);
        vm.assertEq(head.committeeVersion(), numberAt(at, ".version"), law);
        vm.assertEq(head.observedFrom(), numberAt(at, ".observedFrom"), law);
        vm.assertEq(head.observedTo(), numberAt(at, ".observedTo"), law);
        vm.assertEq(uint256(head.verdict()), numberAt(at, ".verdict"), law);
        vm.assertEq(head.confidence(), numberAt(at, ".confidence"), law);
        vm.assertEq(head.coverage(), numberAt(at, ".coverage"), law);
    }

    function testFuzz_R7_3_signersAreNoPartOfIt(uint256 head, uint32 signers, bytes32 rest) public view {
        head &= ~uint256(type(uint32).max);

        bytes32 without = docket.digest(Header.wrap(head), rest, rest, rest);
        bytes32 with = docket.digest(Header.wrap(head | signers), rest, rest, rest);

        vm.assertEq(with, without, "R7.3: who signs does not change what is signed");
        vm.assertEq(uint256(Header.wrap(head | signers).signers()), signers, "and is read back");
    }

    function testFuzz_R7_3_eachBitCounts(uint256 head, uint256 bit) public view {
        bit = bound(bit, 32, 255);

        bytes32 one = docket.digest(Header.wrap(head), 0, 0, 0);
        bytes32 other = docket.digest(Header.wrap(head ^ 1 << bit), 0, 0, 0);

        vm.assertNotEq(one, other, "R7.3: whatever is signed is bound");
    }
}
