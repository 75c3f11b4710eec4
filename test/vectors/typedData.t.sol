// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Limit, SubcontractState} from "../../contracts/interfaces/ICharter.sol";
import {Device, StreamTerms} from "../../contracts/interfaces/IDocket.sol";
import {FirewoodTerms, WoodLine} from "../../contracts/subcontracts/IFirewood.sol";
import {Epoch, StreamId, SubcontractId} from "../../contracts/types/Ids.sol";
import {Verdict} from "../../contracts/types/Report.sol";
import {SealedReport} from "../Village.sol";
import {CharterTest} from "../charter/CharterTest.sol";

/// @notice `vectors/typed-data.json` was computed apart from both languages; the clerk is held against it too (R1.8).
contract TypedDataTest is CharterTest {
    uint256 private constant NONCE = 7;

    string private json;

    function setUp() public override {
        super.setUp();
        json = vm.readFile("vectors/typed-data.json");
    }

    function hashOf(string memory key) private view returns (bytes32) {
        return keccak256(bytes(vm.parseJsonString(json, key)));
    }

    /* THE FILE IN ITSELF */

    function test_R1_8_EveryActHashesToItsStructHashAndDigest() external view {
        string[] memory acts = vm.parseJsonKeys(json, "$");
        vm.assertEq(acts.length, 21, "R1.8: every act that has a twin by signature, and founding");
        for (uint256 i; i < acts.length; ++i) {
            string memory act = string.concat(".", acts[i]);

            bytes32 structHash = hashFields(act);

            string memory law = string.concat("R1.8: ", acts[i]);
            vm.assertEq(structHash, vm.parseJsonBytes32(json, string.concat(act, ".structHash")), law);
            address place = vm.parseJsonAddress(json, string.concat(act, ".domain.verifyingContract"));
            vm.assertEq(
                typedDigest(place, structHash), vm.parseJsonBytes32(json, string.concat(act, ".digest")), law
            );
        }
    }

    /// @dev Walks the type's own list, "Name(type field,type field)": each field by the type before it.
    function hashFields(string memory act) private view returns (bytes32) {
        bytes memory text = bytes(vm.parseJsonString(json, string.concat(act, ".type")));
        bytes memory words = abi.encodePacked(keccak256(text));
        uint256 at;
        while (text[at] != "(") ++at;
        uint256 fields;
        while (text[at] != ")") {
            uint256 from = ++at;
            while (text[at] != " ") ++at;
            bytes memory kind = slice(text, from, at);
            from = ++at;
            while (text[at] != "," && text[at] != ")") ++at;
            string memory key = string.concat(act, ".fields.", string(slice(text, from, at)));
            words = abi.encodePacked(words, wordOf(kind, key));
            ++fields;
        }
        string[] memory named = vm.parseJsonKeys(json, string.concat(act, ".fields"));
        vm.assertEq(named.length, fields, string.concat("R1.8: fields of ", act));
        return keccak256(words);
    }

    function wordOf(bytes memory kind, string memory key) private view returns (bytes32) {
        if (keccak256(kind) == keccak256("string")) return hashOf(key);
        if (keccak256(kind) == keccak256("address")) {
            return bytes32(uint256(uint160(vm.parseJsonAddress(json, key))));
        }
        // Shorter byte strings fill up with zeros on the right.
        if (kind[0] == "b") return bytes32(vm.parseJsonBytes(json, key));
        return bytes32(vm.parseJsonUint(json, key));
    }

    function slice(bytes memory text, uint256 from, uint256 to) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i; i < part.length; ++i) {
            part[i] = text[from + i];
        }
    }

    /* THE CONTRACTS AGAINST THE FILE */

    function soon() private view returns (uint64) {
        return uint64(vm.getBlockTimestamp() + 1 days);
    }

    /// @dev Signs `rest`, the fields between the deed and the nonce, under the type and the deed of the file.
    function signAs(string memory act, uint256 member, address place, bytes memory rest)
        private
        view
        returns (bytes memory)
    {
        bytes32 structHash = keccak256(
            abi.encodePacked(
                hashOf(string.concat(".", act, ".type")),
                hashOf(string.concat(".", act, ".fields.deed")),
                rest,
                abi.encode(NONCE, soon())
            )
        );
        return signed(memberKey(member), typedDigest(place, structHash));
    }

    function test_R2_1_FoundingIsAsTheFileSays() external view {
        // Every founder of this village signed what `foundDigest` says; it says the file's type and deed.
        vm.assertEq(hashOf(".FoundCharter.type"), keccak256(bytes(FOUND_TYPE)), "R2.1: type");
        vm.assertEq(hashOf(".FoundCharter.fields.deed"), keccak256(bytes(FOUND_DEED)), "R2.1: deed");
        vm.assertTrue(charter.founderSigned(memberId(1)), "R2.1: taken");
    }

    function test_R1_8_CharterTakesWhatTheFileSays() external {
        bytes memory code = woodCode();
        bytes memory terms = termsOf(1);
        bytes32 template = keccak256(code);
        bytes32 termsHash = keccak256(abi.encode(template, terms));
        SubcontractId id = charter.openBySig(
            memberId(1),
            code,
            terms,
            NONCE,
            soon(),
            signAs("OpenSubcontract", 1, address(charter), abi.encode(template, termsHash))
        );
        charter.objectBySig(
            memberId(3),
            id,
            REASON,
            NONCE,
            soon(),
            signAs("ObjectToSubcontract", 3, address(charter), abi.encode(id, termsHash, REASON))
        );
        charter.tightenBySig(
            memberId(4),
            Limit.BreadFloorBps,
            6000,
            NONCE,
            soon(),
            signAs(
                "TightenLimit", 4, address(charter), abi.encode(hashOf(".TightenLimit.fields.limit"), 6000)
            )
        );
        charter.repealBySig(
            memberId(5),
            WOOD,
            NONCE,
            soon(),
            signAs("RepealSubcontract", 5, address(charter), abi.encode(WOOD, charter.termsHashOf(WOOD)))
        );
        passTime(1);
        SubcontractId other = open(2, 2);
        charter.withdrawProposalBySig(
            memberId(2),
            other,
            NONCE,
            soon(),
            signAs("WithdrawProposal", 2, address(charter), abi.encode(other, charter.termsHashOf(other)))
        );

        assertState(other, SubcontractState.Sunset, "R1.8: the last of them did its deed");
    }

    function test_R1_8_DocketTakesWhatTheFileSays() external {
        bytes32 badge = keccak256("new badge");
        docket.enrolBadgeBySig(
            memberId(1),
            badge,
            NONCE,
            soon(),
            signAs("EnrolBadge", 1, address(docket), abi.encode(memberId(1), badge))
        );
        Device memory device = Device(keccak256("new scale"), 1, "scale", 60, type(uint40).max);
        docket.replaceDeviceBySig(
            memberId(FOUNDERS),
            PILE,
            1,
            device,
            NONCE,
            soon(),
            signAs(
                "ReplaceDevice",
                FOUNDERS,
                address(docket),
                bytes.concat(abi.encode(memberId(FOUNDERS), PILE, 1), abi.encode(device))
            )
        );
    }

    function test_R1_8_DocketTakesTheStreamTheFileSays() external {
        FirewoodTerms memory terms = wood.terms();
        terms.stream = StreamId.wrap(2);
        bytes memory code = woodCode();
        vm.prank(memberAddress(2));
        SubcontractId other = charter.open(code, abi.encode(terms), 2);
        (StreamTerms memory stream,) = docket.streamOf(PILE);
        stream.subcontract = other;
        for (uint256 i; i < stream.devices.length; ++i) {
            stream.devices[i].key = keccak256(abi.encode("another device", i));
        }

        docket.enrolBySig(
            stream,
            NONCE,
            soon(),
            signAs(
                "EnrolStream",
                2,
                address(docket),
                abi.encode(memberId(2), other, keccak256(abi.encode(stream)))
            )
        );
    }

    function test_R7_10_DocketTakesTheContestTheFileSays() external {
        WoodLine[] memory lines = new WoodLine[](1);
        lines[0] = WoodLine(memberId(2), 1, 1000);
        SealedReport memory given = report(Verdict.Ok, payloadOf(lines, 0, 0));
        (bytes24 digest,) = docket.head(PILE);
        bytes32 whole = docket.digest(given.header, given.parent, given.envelopes, keccak256(given.payload));
        vm.assertEq(bytes32(digest), bytes32(bytes24(whole)), "R7.4: the report of this line");
        bytes memory signature = signAs(
            "ContestLine",
            2,
            address(docket),
            abi.encode(memberId(2), WOOD, PILE, given.header.epoch(), whole)
        );

        Epoch epoch = given.header.epoch();
        docket.contestBySig(memberId(2), WOOD, PILE, epoch, whole, NONCE, soon(), signature);
    }

    function test_R1_8_FirewoodTakesWhatTheFileSays() external {
        passTime(31 days);

        wood.declareBandBySig(
            memberId(2),
            5,
            NONCE,
            soon(),
            signAs(
                "DeclareBand",
                2,
                address(wood),
                abi.encode(WOOD, 5, hashOf(".DeclareBand.fields.monthlyMeansFrom"))
            )
        );

        vm.assertEq(
            wood.declaredAt(memberId(2), uint40(vm.getBlockTimestamp() + 1 days)), 5, "R1.8: declared"
        );
    }
}
